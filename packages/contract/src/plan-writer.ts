import {
  type Bound,
  type FieldPlan,
  mayTakeUndefined,
  type ObjectPlan,
  type Plan,
  type Primitive,
  type RecordPlan,
} from './schema-plan.ts';

const bail = 'return mismatch;';
// A chain of comparisons beats a Set until about here.
const maxComparisons = 8;

/**
 * Writes statements. `fail` is the statement for "this part does not match": inside a union it goes on with the next
 * option. `bail` gives the whole value to the library, for values that may match in a way that is not worth code.
 */
export class PlanWriter {
  readonly lines: string[] = [];
  readonly constants: unknown[] = [];
  #names = 0;

  /** @returns the name of the variable that holds the result */
  write(plan: Plan, value: string, fail: string): string {
    switch (plan.kind) {
      case 'unknown':
        return value;
      case 'boolean':
        this.#line(`if (typeof ${value} !== "boolean") ${fail}`);
        return value;
      case 'string':
        return this.#string(plan, value, fail);
      case 'number':
        return this.#number(plan, value, fail);
      case 'constants':
        this.#line(`if (${this.#noneOf(value, plan.values)}) ${fail}`);
        return value;
      case 'object':
        return this.#object(plan, value, fail);
      case 'array':
        return this.#array(plan, value, fail);
      case 'tuple':
        return this.#tuple(plan, value, fail);
      case 'record':
        return this.#record(plan, value, fail);
      case 'optional':
        return this.#unless(`${value} === undefined`, plan.inner, value, fail);
      case 'nullable':
        return this.#unless(`${value} === null`, plan.inner, value, fail);
      case 'default':
        return this.#default(plan, value, fail);
      case 'union':
        return this.#union(plan, value, fail);
      case 'choice':
        return this.#choice(plan, value, fail);
      case 'island': {
        const result = this.#name('r');
        this.#line(`const ${result} = ${this.#constant(plan.run)}(${value});`);
        this.#line(`if (${result} === mismatch) ${fail}`);
        return result;
      }
    }
  }

  #string(plan: Plan & { kind: 'string' }, value: string, fail: string): string {
    const { minLength: min, maxLength: max } = plan;
    this.#line(`if (typeof ${value} !== "string") ${fail}`);
    // A code point has one or two units, so most strings need no counting.
    if (min !== undefined && min > 0) {
      const inDoubt = `${value}.length < ${min * 2} && codePoints(${value}) < ${min}`;
      this.#line(`if (${value}.length < ${min}${min === 1 ? '' : ` || (${inDoubt})`}) ${fail}`);
    }
    if (max !== undefined) {
      const inDoubt = `(${value}.length > ${max * 2} || codePoints(${value}) > ${max})`;
      this.#line(`if (${value}.length > ${max} && ${inDoubt}) ${fail}`);
    }
    for (const pattern of plan.patterns) {
      const name = this.#constant(pattern);
      if (pattern.global || pattern.sticky) this.#line(`${name}.lastIndex = 0;`);
      this.#line(`if (!${name}.test(${value})) ${fail}`);
    }
    return value;
  }

  #number(plan: Plan & { kind: 'number' }, value: string, fail: string): string {
    const test = { safe: 'Number.isSafeInteger', any: 'Number.isInteger' } as const;
    if (plan.integer === false) this.#line(`if (!Number.isFinite(${value})) ${fail}`);
    else this.#line(`if (!${test[plan.integer]}(${value})) ${fail}`);
    for (const bound of plan.bounds) this.#line(`if (!(${compare(value, bound)})) ${fail}`);
    return value;
  }

  #object(plan: ObjectPlan, value: string, fail: string): string {
    this.#line(`if (typeof ${value} !== "object" || ${value} === null || Array.isArray(${value})) ${fail}`);
    if (plan.plain) this.#plain(value);
    const result = this.#name('o');
    const known: string[] = [];
    let open = true;
    const close = () => {
      if (open) this.#line(`const ${result} = { ${known.join(', ')} };`);
      open = false;
    };
    for (const field of plan.fields) {
      const name = JSON.stringify(field.name);
      const raw = this.#name('v');
      this.#line(`const ${raw} = ${value}[${name}];`);
      if (field.presence === 'required' && mayTakeUndefined(field.plan)) {
        this.#line(`if (${raw} === undefined && !(${name} in ${value})) ${fail}`);
      }
      if (open && (field.presence === 'required' || field.presence === 'always')) {
        known.push(`${name}: ${this.write(field.plan, raw, fail)}`);
        continue;
      }
      close();
      this.#field(field, { raw, holder: value, result, fail });
    }
    close();
    this.#rest(plan, value, { result, fail });
    return result;
  }

  #field(field: FieldPlan, at: { raw: string; holder: string; result: string; fail: string }): void {
    const { raw, holder, result, fail } = at;
    const name = JSON.stringify(field.name);
    const present = `(${raw} !== undefined || ${name} in ${holder})`;
    if (field.presence === 'strict') {
      this.#line(`if (${raw} !== undefined) {`);
      this.#line(`${result}[${name}] = ${this.write(field.plan, raw, fail)};`);
      this.#line(`} else if (${name} in ${holder}) ${bail}`);
    } else if (field.presence === 'skippable') {
      this.#line(`if ${present} {`);
      this.#line(`${result}[${name}] = ${this.write(field.plan, raw, fail)};`);
      this.#line('}');
    } else {
      const made = this.write(field.plan, raw, fail);
      const condition = `if (${made} !== undefined || ${name} in ${holder}) `;
      this.#line(`${field.presence === 'valued' ? condition : ''}${result}[${name}] = ${made};`);
    }
  }

  #rest(plan: ObjectPlan, value: string, at: { result: string; fail: string }): void {
    if (plan.rest === 'strip') return;
    const name = this.#name('k');
    // A library that looks at plain objects only also sees properties that `for in` does not.
    this.#line(
      plan.plain
        ? `for (const ${name} of Object.getOwnPropertyNames(${value})) {`
        : `for (const ${name} in ${value}) {`,
    );
    const unknown = this.#noneOf(
      name,
      plan.fields.map((field) => field.name),
    );
    if (plan.plain) this.#line(`if (${this.#isUnsafe(name)}) ${bail}`);
    if (plan.rest === 'refuse') this.#line(`if (${unknown}) ${at.fail}`);
    else this.#line(`if (${unknown} && ${name} !== "__proto__") ${at.result}[${name}] = ${value}[${name}];`);
    this.#line('}');
  }

  #array(plan: Plan & { kind: 'array' }, value: string, fail: string): string {
    const [result, index, element] = [this.#name('a'), this.#name('i'), this.#name('e')];
    this.#line(`if (!Array.isArray(${value})) ${fail}`);
    if (plan.minLength !== undefined) this.#line(`if (${value}.length < ${plan.minLength}) ${fail}`);
    if (plan.maxLength !== undefined) this.#line(`if (${value}.length > ${plan.maxLength}) ${fail}`);
    this.#line(`const ${result} = new Array(${value}.length);`);
    this.#line(`for (let ${index} = 0; ${index} < ${value}.length; ${index}++) {`);
    this.#line(`const ${element} = ${value}[${index}];`);
    if (plan.dense) this.#line(`if (${element} === undefined) ${bail}`);
    this.#line(`${result}[${index}] = ${this.write(plan.element, element, fail)};`);
    this.#line('}');
    return result;
  }

  #tuple(plan: Plan & { kind: 'tuple' }, value: string, fail: string): string {
    this.#line(`if (!Array.isArray(${value}) || ${value}.length !== ${plan.items.length}) ${fail}`);
    const results = plan.items.map((item, index) => {
      const element = this.#name('e');
      this.#line(`const ${element} = ${value}[${index}];`);
      if (plan.dense) this.#line(`if (${element} === undefined) ${bail}`);
      return this.write(item, element, fail);
    });
    const result = this.#name('a');
    this.#line(`const ${result} = [${results.join(', ')}];`);
    return result;
  }

  #record(plan: RecordPlan, value: string, fail: string): string {
    const [result, name, raw] = [this.#name('o'), this.#name('k'), this.#name('v')];
    this.#line(`if (typeof ${value} !== "object" || ${value} === null || Array.isArray(${value})) ${fail}`);
    this.#plain(value);
    // Libraries look at `constructor` to tell plain objects from others.
    this.#line(`if (${value}.constructor !== Object && ${value}.constructor !== undefined) ${bail}`);
    this.#line(`if (Object.getOwnPropertySymbols(${value}).length !== 0) ${bail}`);
    this.#line(`const ${result} = {};`);
    this.#line(`for (const ${name} of Object.${plan.plain ? 'getOwnPropertyNames' : 'keys'}(${value})) {`);
    this.#line(`if (${plan.plain ? this.#isUnsafe(name) : `${name} === "__proto__"`}) ${bail}`);
    if (plan.names !== undefined) this.#line(`if (!${this.#constant(plan.names)}.test(${name})) ${bail}`);
    this.#line(`const ${raw} = ${value}[${name}];`);
    this.#line(`${result}[${name}] = ${this.write(plan.value, raw, fail)};`);
    this.#line('}');
    return result;
  }

  #plain(value: string): void {
    const prototype = this.#name('p');
    this.#line(`const ${prototype} = Object.getPrototypeOf(${value});`);
    this.#line(`if (${prototype} !== Object.prototype && ${prototype} !== null) ${bail}`);
  }

  /** The inner plan's result, or the value as it is where `condition` holds. */
  #unless(condition: string, inner: Plan, value: string, fail: string): string {
    const result = this.#name('r');
    this.#line(`let ${result} = ${value};`);
    this.#line(`if (!(${condition})) {`);
    this.#line(`${result} = ${this.write(inner, value, fail)};`);
    this.#line('}');
    return result;
  }

  #default(plan: Plan & { kind: 'default' }, value: string, fail: string): string {
    const result = this.#unless(`${value} === undefined`, plan.inner, value, fail);
    this.#line(`if (${result} === undefined) ${result} = ${this.#constant(plan.read)}();`);
    return result;
  }

  #union(plan: Plan & { kind: 'union' }, value: string, fail: string): string {
    const [result, done] = [this.#name('r'), this.#name('u')];
    this.#line(`let ${result};`);
    this.#line(`${done}: {`);
    for (const option of plan.options) {
      const label = this.#name('b');
      this.#line(`${label}: {`);
      this.#line(`${result} = ${this.write(option, value, `break ${label};`)};`);
      this.#line(`break ${done};`);
      this.#line('}');
    }
    this.#line(fail);
    this.#line('}');
    return result;
  }

  #choice(plan: Plan & { kind: 'choice' }, value: string, fail: string): string {
    const [result, done] = [this.#name('r'), this.#name('s')];
    this.#line(`if (typeof ${value} !== "object" || ${value} === null || Array.isArray(${value})) ${fail}`);
    this.#line(`let ${result};`);
    this.#line(`${done}: switch (${value}[${JSON.stringify(plan.key)}]) {`);
    for (const option of plan.options) {
      this.#line(`${option.values.map((claimed) => `case ${JSON.stringify(claimed)}:`).join(' ')} {`);
      this.#line(`${result} = ${this.write(option.plan, value, fail)};`);
      this.#line(`break ${done};`);
      this.#line('}');
    }
    this.#line(`default: ${fail}`);
    this.#line('}');
    return result;
  }

  #noneOf(value: string, candidates: readonly Primitive[]): string {
    if (candidates.length === 0) return 'true';
    if (candidates.length > maxComparisons) return `!${this.#constant(new Set(candidates))}.has(${value})`;
    return candidates.map((candidate) => `${value} !== ${JSON.stringify(candidate)}`).join(' && ');
  }

  /** Names that libraries drop from copies, some of them only here and there. */
  #isUnsafe(name: string): string {
    return `${name} === "__proto__" || ${name} === "constructor" || ${name} === "prototype"`;
  }

  #line(code: string): void {
    this.lines.push(code);
  }

  #name(prefix: string): string {
    this.#names++;
    return `${prefix}_${this.#names}`;
  }

  #constant(value: unknown): string {
    this.constants.push(value);
    return `c${this.constants.length - 1}`;
  }
}

function compare(value: string, { operator, value: bound }: Bound): string {
  return `${value} ${operator} ${bound}`;
}
