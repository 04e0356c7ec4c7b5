/** A metric with its labels; without labels, `labels()` gives its only series. */
export interface Labelled<Series> {
  /**
   * The series of these label values, made at first use. Beyond `maxSeries` it is the one whose values are all `other`: values that come
   * from outside (a path, a user) cannot fill the memory.
   * @throws TypeError if the number of values is not that of the label names
   */
  labels(...values: readonly string[]): Series;
}

/** Longer label values are cut: one hostile header must not weigh on every scrape. */
const maxValueLength = 200;

export class LabelledSeries<Series> implements Labelled<Series> {
  readonly #options: {
    readonly name: string;
    readonly labels: readonly string[];
    readonly maxSeries: number;
  };
  readonly #create: () => Series;
  readonly #series = new Map<string, { readonly values: readonly string[]; readonly series: Series }>();

  constructor(
    options: { readonly name: string; readonly labels: readonly string[]; readonly maxSeries: number },
    create: () => Series,
  ) {
    this.#options = options;
    this.#create = create;
    // A metric without labels shows 0 before the first event, so that a rate over it has a start.
    if (options.labels.length === 0) this.labels();
  }

  labels(...values: readonly string[]): Series {
    const { name, labels, maxSeries } = this.#options;
    if (values.length !== labels.length) {
      throw new TypeError(`metric '${name}': give ${labels.length} label values (${labels.join(', ')}).`);
    }
    const cut = values.map((value) => String(value).slice(0, maxValueLength).toWellFormed());
    const key = keyOf(cut);
    const known = this.#series.get(key);
    if (known !== undefined) return known.series;
    if (this.#series.size < maxSeries) return this.#add(key, cut);
    const others = labels.map(() => 'other');
    const otherKey = keyOf(others);
    return this.#series.get(otherKey)?.series ?? this.#add(otherKey, others);
  }

  *entries(): Iterable<readonly [values: readonly string[], series: Series]> {
    for (const { values, series } of this.#series.values()) yield [values, series];
  }

  #add(key: string, values: readonly string[]): Series {
    const series = this.#create();
    this.#series.set(key, { values, series });
    return series;
  }
}

/** With lengths, so that no choice of values makes two lists alike. */
function keyOf(values: readonly string[]): string {
  let key = '';
  for (const value of values) key += `${value.length}:${value}`;
  return key;
}
