import { configError } from './errors.ts';

const maxCharacters = 1024 * 1024;

/**
 * Parses the text of a `.env` file into its variables; of two with the same name the later one counts.
 *
 * `NAME=value`, optionally after `export`; `#` starts a comment on a line of its own or after white space. In double quotes a value may span lines,
 * and `\n`, `\r`, `\t`, `\"`, `\\` and `\$` are escapes; in single quotes and backticks everything is literal, on one line. `$` is not expanded.
 * @param fileName stands in the message of an error
 * @throws ServiceError `failed_precondition` `invalid_env_file`, naming file and line, never a value
 */
export function parseEnvFile(text: string, fileName = '.env'): Readonly<Record<string, string>> {
  const reader: Reader = { lines: [], at: 0, fileName };
  if (text.length > maxCharacters) throw refuse(reader, 'the file is larger than 1 MiB');
  reader.lines = text.replace(/^\uFEFF/, '').split(/\r\n|\n|\r/);
  const variables = new Map<string, string>();
  for (; reader.at < reader.lines.length; reader.at += 1) {
    const line = reader.lines[reader.at] ?? '';
    // What is left of bytes that are no UTF-8, and what no text file holds.
    if (/[\0\uFFFD]/.test(line)) throw refuse(reader, 'this is not text; save the file as UTF-8');
    const trimmed = line.trim();
    if (trimmed === '' || trimmed.startsWith('#')) continue;
    readAssignment(reader, line, variables);
  }
  // Own properties even for a variable named `__proto__`.
  return Object.fromEntries(variables);
}

interface Reader {
  lines: readonly string[];
  /** Index of the line being read. */
  at: number;
  readonly fileName: string;
}

function readAssignment(reader: Reader, line: string, variables: Map<string, string>): void {
  const equals = line.indexOf('=');
  if (equals < 0) throw refuse(reader, `expected NAME=value, found no '='`);
  const name = line
    .slice(0, equals)
    .trim()
    .replace(/^export\s+/, '');
  if (!/^[A-Za-z_][A-Za-z0-9_.-]*$/.test(name)) {
    throw refuse(reader, `the name before '=' must be letters, digits and '_', not starting with a digit`);
  }
  const value = line.slice(equals + 1).trimStart();
  const quote = value.charAt(0);
  if (quote === '"') variables.set(name, readDoubleQuoted(reader, value.slice(1)));
  else if (quote === "'" || quote === '`') variables.set(name, readLiteral(reader, value.slice(1), quote));
  else variables.set(name, value.replace(/(^|\s)#.*$/, '').trimEnd());
}

const escapes: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t', '"': '"', '\\': '\\', $: '$' };

function readDoubleQuoted(reader: Reader, first: string): string {
  const startedAt = reader.at;
  let value = '';
  let rest = first;
  for (;;) {
    const end = endOfQuoted(rest);
    // An unknown escape stays as written: Windows paths.
    value += rest
      .slice(0, end ?? rest.length)
      .replace(/\\(.)/g, (whole, character: string) => escapes[character] ?? whole);
    if (end !== undefined) {
      checkAfterQuote(reader, rest.slice(end + 1));
      return value;
    }
    const next = reader.lines[reader.at + 1];
    if (next === undefined) throw refuse({ ...reader, at: startedAt }, 'the value has no closing "');
    reader.at += 1;
    rest = next;
    value += '\n';
  }
}

/** Index of the first quote that no backslash escapes. */
function endOfQuoted(text: string): number | undefined {
  for (let index = 0; index < text.length; index += 1) {
    const character = text.charAt(index);
    if (character === '\\') index += 1;
    else if (character === '"') return index;
  }
  return undefined;
}

function readLiteral(reader: Reader, text: string, quote: string): string {
  const end = text.indexOf(quote);
  if (end < 0) throw refuse(reader, `the value has no closing ${quote}; use double quotes for several lines`);
  checkAfterQuote(reader, text.slice(end + 1));
  return text.slice(0, end);
}

function checkAfterQuote(reader: Reader, text: string): void {
  if (!/^\s*(#.*)?$/.test(text)) throw refuse(reader, 'there is more after the closing quote');
}

function refuse(reader: Reader, problem: string) {
  return configError('invalid_env_file', { message: `${reader.fileName}:${reader.at + 1}: ${problem}.` });
}
