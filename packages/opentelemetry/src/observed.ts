import type {
  Attributes,
  BatchObservableCallback,
  BatchObservableResult,
  Observable,
  ObservableCallback,
  ObservableResult,
} from '@opentelemetry/api';
import { isNumber, type Measurements, type Observation } from './measurements.ts';

/** An instrument whose values are asked for at each reading of the page. */
export class ObservedInstrument implements Observable {
  readonly #measurements: Measurements;
  readonly #readings: Readings;

  constructor(measurements: Measurements, readings: Readings) {
    this.#measurements = measurements;
    this.#readings = readings;
  }

  addCallback(callback: ObservableCallback): void {
    const ask = (observe: Observe) => {
      const result: ObservableResult = {
        observe: (value, attributes) => observe(this, value, attributes),
      };
      return callback(result);
    };
    this.#readings.add({ callback, ask, about: [this] });
  }

  removeCallback(callback: ObservableCallback): void {
    this.#readings.remove(callback, [this]);
  }

  show(observed: readonly Observation[]): void {
    this.#measurements.replace(observed);
  }
}

type Observe = (of: ObservedInstrument, value: unknown, attributes: Attributes | undefined) => void;

interface Source {
  readonly callback: unknown;
  readonly ask: (observe: Observe) => unknown;
  readonly about: readonly ObservedInstrument[];
}

/** A callback that gives more in one reading is cut. */
const maxObservations = 10_000;

/** The callbacks of all instruments, and what each said last. */
export class Readings {
  readonly #sources = new Set<Source>();
  readonly #said = new Map<Source, ReadonlyMap<ObservedInstrument, readonly Observation[]>>();
  readonly #unanswered = new Set<Source>();

  add(source: Source): void {
    this.#sources.add(source);
  }

  addBatch(callback: BatchObservableCallback, about: readonly Observable[]): void {
    const own = about.filter((each) => each instanceof ObservedInstrument);
    const ask = (observe: Observe) => {
      const result: BatchObservableResult = {
        observe(of, value, attributes) {
          if (of instanceof ObservedInstrument && own.includes(of)) observe(of, value, attributes);
        },
      };
      return callback(result);
    };
    this.add({ callback, ask, about: own });
  }

  remove(callback: unknown, about: readonly unknown[]): void {
    for (const source of this.#sources) {
      if (source.callback !== callback || !about.every((each) => source.about.some((one) => one === each)))
        continue;
      this.#sources.delete(source);
      this.#said.delete(source);
      for (const instrument of source.about) this.#show(instrument);
    }
  }

  /** Asks all of them. What one says later is shown at the next reading; until it has answered it is not asked again. */
  read(): void {
    const about = new Set<ObservedInstrument>();
    for (const source of this.#sources) {
      this.#ask(source);
      for (const instrument of source.about) about.add(instrument);
    }
    for (const instrument of about) this.#show(instrument);
  }

  #ask(source: Source): void {
    if (this.#unanswered.has(source)) return;
    const said = new Map<ObservedInstrument, Observation[]>();
    let count = 0;
    const observe: Observe = (of, value, attributes) => {
      count += 1;
      if (!isNumber(value) || count > maxObservations) return;
      const list = said.get(of);
      if (list === undefined) said.set(of, [{ value, attributes }]);
      else list.push({ value, attributes });
    };
    const done = () => {
      this.#unanswered.delete(source);
      if (this.#sources.has(source)) this.#said.set(source, said);
    };
    // A library's mistake must not cost the page: what it said before it failed counts.
    try {
      const answer = source.ask(observe);
      if (answer instanceof Promise) {
        this.#unanswered.add(source);
        answer.then(done, done);
      } else done();
    } catch {
      done();
    }
  }

  #show(instrument: ObservedInstrument): void {
    instrument.show([...this.#said.values()].flatMap((said) => said.get(instrument) ?? []));
  }
}
