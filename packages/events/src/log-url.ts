/** The error for a URL that cannot be used: `reason` goes on after a colon, without a full stop, and holds nothing of a login. */
export type RefuseUrl = (reason: string, cause?: unknown) => Error;

interface TextRule {
  readonly pattern: RegExp;
  /** Follows the name in the error: `may have letters and digits`. */
  readonly rule: string;
  readonly otherwise: string;
}

/** What stands behind the `?` of a log's URL. Reading one that breaks its rule throws. */
export class LogUrlSettings {
  readonly #values: URLSearchParams;
  readonly #refuse: RefuseUrl;

  /** @throws `refuse`'s error for a setting that is not in `known`: a mistyped one would silently be the default */
  constructor(query: URLSearchParams | string | undefined, known: readonly string[], refuse: RefuseUrl) {
    this.#values = new URLSearchParams(query ?? '');
    this.#refuse = refuse;
    for (const name of this.#values.keys()) {
      if (!known.includes(name)) throw refuse(`it knows no '${name}', only ${known.join(', ')}`);
    }
  }

  text(name: string, { pattern, rule, otherwise }: TextRule): string {
    const value = this.#values.get(name) ?? otherwise;
    if (!pattern.test(value)) throw this.#refuse(`${name} ${rule}`);
    return value;
  }

  optional(name: string): string | undefined {
    return this.#values.get(name) ?? undefined;
  }

  wholeNumber(name: string, otherwise: number, [least, most]: readonly [number, number]): number {
    const text = this.#values.get(name);
    const value = text === null ? otherwise : Number(text);
    if (text === '' || !Number.isInteger(value) || value < least || value > most) {
      throw this.#refuse(`${name} must be a whole number from ${least} to ${most}`);
    }
    return value;
  }
}

/** Parts of a login as they were before they were percent-encoded. */
export function decodeLogin<Parts extends readonly string[]>(parts: Parts, refuse: RefuseUrl): Parts {
  try {
    return parts.map((part) => decodeURIComponent(part)) as unknown as Parts;
  } catch (cause) {
    throw refuse('user and password must be percent-encoded', cause);
  }
}
