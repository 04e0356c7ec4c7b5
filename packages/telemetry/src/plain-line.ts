import { isSecretName } from './redaction.ts';
import { isSuspicious, scrubText } from './scrub.ts';

/** Below the bounds of `toLogFields`, so that a plain line never meets them. */
const maxFields = 64;
const maxNameLength = 100;
const maxTextLength = 256;
const maxRemembered = 2_000;

export interface LineHead {
  readonly time: string;
  readonly level: string;
  readonly message: string;
}

type Fields = Readonly<Record<string, unknown>>;

/** Fields as JSON, each with a comma before it. */
interface FieldsText {
  service: string;
  traceId: string;
  others: string;
}

/** The fields that many lines begin with, as text. */
export interface BoundText {
  readonly fields: Fields;
  readonly text: Readonly<FieldsText>;
}

/** `undefined` if the fields are not plain. */
export function boundText(fields: Fields): BoundText | undefined {
  const text: FieldsText = { service: '', traceId: '', others: '' };
  return Object.keys(fields).every((name) => addPlain(text, name, fields[name]))
    ? { fields, text }
    : undefined;
}

/**
 * The line of an entry whose fields are plain, as nearly all are: short texts, numbers and booleans under names that are neither secret nor taken. It is written
 * a few times faster this way than as an object, and is the same. `undefined` if they are not plain.
 */
export function plainLine(head: LineHead, bound: BoundText, fields: Fields | undefined): string | undefined {
  const { service, traceId, others } = bound.text;
  const text: FieldsText = { service, traceId, others };
  if (fields !== undefined) {
    if (fields instanceof Error) return undefined;
    const names = Object.keys(fields);
    if (names.length > maxFields) return undefined;
    for (const name of names) {
      if (Object.hasOwn(bound.fields, name) || !addPlain(text, name, fields[name])) return undefined;
    }
  }
  const { time, level, message } = head;
  return `{"time":"${time}","level":"${level}","message":${JSON.stringify(message)}${text.service}${text.traceId}${text.others}}`;
}

function addPlain(text: FieldsText, name: string, value: unknown): boolean {
  const start = startOf(name);
  if (start === undefined) return false;
  if (value === undefined) return true;
  const json = plainJson(value);
  if (json === undefined) return false;
  if (name === 'service') text.service = start + json;
  else if (name === 'traceId') text.traceId = start + json;
  else text.others += start + json;
  return true;
}

function plainJson(value: unknown): string | undefined {
  if (typeof value === 'string') {
    return value.length > maxTextLength ? undefined : (harmless.get(value) ?? plainText(value));
  }
  const isPlain = typeof value === 'boolean' || (typeof value === 'number' && Number.isFinite(value));
  return isPlain ? String(value) : undefined;
}

/** As JSON: texts that look like secrets at first sight and are none, such as `host:port`. They come again and again, and the second look costs most of a line. */
const harmless = new Map<string, string>();

function plainText(text: string): string {
  if (!isSuspicious(text)) return JSON.stringify(text);
  const scrubbed = scrubText(text);
  const json = JSON.stringify(scrubbed);
  if (scrubbed !== text) return json;
  // Texts can come from outside: forget rather than grow.
  if (harmless.size >= maxRemembered) harmless.clear();
  harmless.set(text, json);
  return json;
}

const starts = new Map<string, string | undefined>();

/** `,"name":`, or nothing if the name wants care. */
function startOf(name: string): string | undefined {
  const known = starts.get(name);
  if (known !== undefined || starts.has(name)) return known;
  const wantsCare = name.length > maxNameLength || isIndex(name) || isTaken(name) || isSecretName(name);
  const start = wantsCare ? undefined : `,${JSON.stringify(name)}:`;
  // Names can come from outside: forget rather than grow.
  if (starts.size >= maxRemembered) starts.clear();
  starts.set(name, start);
  return start;
}

/** An object has these before all others, whenever they were added. */
function isIndex(name: string): boolean {
  return /^\d+$/.test(name);
}

function isTaken(name: string): boolean {
  return name === 'time' || name === 'level' || name === 'message';
}
