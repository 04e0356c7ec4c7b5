/** One statement of a SQL script, and the line on which it begins (from 1). */
export interface ScriptStatement {
  readonly text: string;
  readonly line: number;
}

/** What may hold a semicolon that ends nothing, each from its own first character (PostgreSQL manual, 4.1). */
const skipped = [
  /--[^\n]*/y,
  // `e'…'` strings know backslashes, others do not.
  /(?<![\w$])[eE]'(?:[^'\\]|''|\\.)*'/sy,
  /'(?:[^']|'')*'/y,
  /"(?:[^"]|"")*"/y,
  /(?<![\w$])\$([a-zA-Z_\u0080-\uffff][\w\u0080-\uffff]*)?\$.*?\$\1\$/sy,
  /[a-zA-Z_\u0080-\uffff][\w$\u0080-\uffff]*/y,
];

/** Splits a script at the semicolons between its statements. Comments stay; parts with nothing else are left out. */
export function splitStatements(script: string): ScriptStatement[] {
  const statements: ScriptStatement[] = [];
  const reader = new Reader();
  let start = 0;
  let index = 0;
  while (index < script.length) {
    const end = endOfToken(script, index);
    if (script[index] === ';' && reader.isAtTopLevel) {
      pushStatement(statements, script, start, index);
      start = end;
      reader.reset();
    } else {
      reader.read(script.slice(index, end));
    }
    index = end;
  }
  pushStatement(statements, script, start, script.length);
  return statements;
}

/** Follows `create function … begin atomic … end`, whose body has semicolons without quotes, as psql does. */
class Reader {
  #words: string[] = [];
  #depth = 0;
  #parentheses = 0;

  get isAtTopLevel(): boolean {
    return this.#depth === 0 && this.#parentheses === 0;
  }

  reset(): void {
    this.#words = [];
    this.#depth = 0;
    this.#parentheses = 0;
  }

  read(token: string): void {
    if (token === '(') this.#parentheses += 1;
    if (token === ')') this.#parentheses = Math.max(0, this.#parentheses - 1);
    if (!/^[a-zA-Z]/.test(token)) return;
    const word = token.toLowerCase();
    if (this.#words.length < 4) this.#words.push(word);
    if (!this.#isRoutine) return;
    if (word === 'begin' || (word === 'case' && this.#depth > 0)) this.#depth += 1;
    if (word === 'end' && this.#depth > 0) this.#depth -= 1;
  }

  get #isRoutine(): boolean {
    const [create, ...rest] = this.#words;
    const kind = rest[0] === 'or' ? rest[2] : rest[0];
    return create === 'create' && (kind === 'function' || kind === 'procedure');
  }
}

function endOfToken(script: string, index: number): number {
  if (script.startsWith('/*', index)) return endOfComment(script, index);
  for (const pattern of skipped) {
    pattern.lastIndex = index;
    if (pattern.test(script)) return pattern.lastIndex;
  }
  return index + 1;
}

/** Block comments nest. */
function endOfComment(script: string, start: number): number {
  let depth = 0;
  let index = start;
  do {
    if (script.startsWith('/*', index)) {
      depth += 1;
      index += 2;
    } else if (script.startsWith('*/', index)) {
      depth -= 1;
      index += 2;
    } else index += 1;
  } while (depth > 0 && index < script.length);
  return index;
}

function pushStatement(statements: ScriptStatement[], script: string, start: number, end: number): void {
  let first = start;
  while (first < end) {
    const isComment = script.startsWith('--', first) || script.startsWith('/*', first);
    if (!isComment && /\S/.test(script[first] ?? '')) break;
    first = isComment ? endOfToken(script, first) : first + 1;
  }
  if (first >= end) return;
  const line = script.slice(0, first).split('\n').length;
  statements.push({ text: script.slice(first, end).trimEnd(), line });
}
