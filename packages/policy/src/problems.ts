import type { PolicyProblem } from './policy-document.ts';

/** Collects what is wrong with a document, so that its author hears of everything at once. */
export class Problems {
  readonly list: PolicyProblem[] = [];

  /** Says it once: several versions of a contract may lack the same field. */
  add(at: string, problem: string): void {
    if (this.list.some((known) => known.at === at && known.problem === problem)) return;
    this.list.push({ at, problem });
  }

  /** A field that nobody knows is a mistake, not a wish: a misspelt `when` would permit everything. */
  object(
    value: unknown,
    at: string,
    known: readonly string[],
  ): Readonly<Record<string, unknown>> | undefined {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      this.add(at, `give an object with ${known.join(', ')}`);
      return undefined;
    }
    for (const name of Object.keys(value)) {
      if (!known.includes(name)) this.add(at, `there is no '${name}' here; there are ${known.join(', ')}`);
    }
    return value as Record<string, unknown>;
  }

  items(value: unknown, at: string, most: number): readonly unknown[] {
    if (Array.isArray(value) && value.length <= most) return value;
    this.add(at, `give a list of at most ${most}`);
    return [];
  }

  texts(
    value: unknown,
    at: string,
    rule: {
      readonly most: number;
      readonly pattern: RegExp;
      readonly sort: string;
      readonly atLeastOne?: boolean;
    },
  ): readonly string[] {
    const isEmpty = rule.atLeastOne === true && Array.isArray(value) && value.length === 0;
    const items = isEmpty ? [] : this.items(value, at, rule.most);
    if (isEmpty) this.add(at, 'name at least one, or leave it out');
    const isText = (item: unknown): item is string => typeof item === 'string' && rule.pattern.test(item);
    for (const [index, item] of items.entries()) {
      if (!isText(item)) this.add(`${at}.${index}`, `only ${rule.sort} stand here`);
    }
    return items.filter(isText);
  }
}
