import { namedByConnection } from './field-rules.ts';

/** The first part of an upstream's answer. */
export interface ResponseHead {
  readonly status: number;
  readonly reason: string;
  /** Names in lower case and values in turn, as they came. */
  readonly fields: readonly string[];
  readonly framing: Framing;
  /** The connection can take another request after this answer. */
  readonly persistent: boolean;
  /** Fields that `Connection` names: they end here. */
  readonly named: ReadonlySet<string>;
}

/** How the end of a body is known. */
export type Framing =
  | { readonly kind: 'none' }
  | { readonly kind: 'length'; readonly bytes: number }
  | { readonly kind: 'chunked' }
  | { readonly kind: 'until close' };

const statusLine = /^HTTP\/1\.([01]) ([1-5]\d\d)(?: ([\t\x20-\x7e\x80-\xff]*))?$/;
const fieldName = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
/** No text, or half of a line end. */
const unreadable = /[^\t\r\n\x20-\x7e\x80-\xff]|\r(?!\n)|(?<!\r)\n/;

/** Looked up instead of examined, in the spellings that nearly all servers use. */
const commonNames = [
  'accept-ranges', 'access-control-allow-origin', 'age', 'alt-svc', 'cache-control', 'connection', 'content-disposition', 'content-encoding',
  'content-language', 'content-length', 'content-security-policy', 'content-type', 'date', 'etag', 'expires', 'keep-alive', 'last-modified', 'link',
  'location', 'pragma', 'referrer-policy', 'server', 'set-cookie', 'strict-transport-security', 'transfer-encoding', 'vary', 'via',
  'x-content-type-options', 'x-frame-options', 'x-powered-by', 'x-request-id', 'x-xss-protection',
]; // biome-ignore format: one table

const lowerCase: ReadonlyMap<string, string> = new Map([
  ...commonNames.flatMap((name) => [[name, name] as const, [capitalised(name), name] as const]),
  ['ETag', 'etag'],
]);

/**
 * Reads status line and fields, strictly (RFC 9112): what two programs could read differently is no answer.
 * @param text what stands before the empty line, as latin1
 * @returns the problem, in words for the log, if it cannot be read for certain
 */
export function parseResponseHead(text: string, method: string): ResponseHead | string {
  let lineEnd = endOfLine(text, 0);
  const status = statusLine.exec(text.slice(0, lineEnd));
  if (status === null) return 'the status line is malformed';
  if (unreadable.test(text)) return 'a header field is malformed';
  const fields: string[] = [];
  let length: string | undefined;
  let encoding: string | undefined;
  let connection: string | undefined;
  while (lineEnd < text.length) {
    const start = lineEnd + 2;
    lineEnd = endOfLine(text, start);
    const colon = text.indexOf(':', start);
    // A folded line begins with a space, which no name has.
    const name = colon > start && colon < lineEnd ? nameOf(text.slice(start, colon)) : undefined;
    if (name === undefined) return 'a header field is malformed';
    const value = withoutBlanks(text, colon + 1, lineEnd);
    if (name === 'content-length') {
      if (length !== undefined) return 'there are several lengths';
      length = value;
    } else if (name === 'transfer-encoding') {
      if (encoding !== undefined) return 'there are several transfer encodings';
      encoding = value;
    } else if (name === 'connection') {
      connection = connection === undefined ? value : `${connection},${value}`;
    }
    fields.push(name, value);
  }
  const code = Number(status[2]);
  const framing = framingOf({ code, method, length, encoding, oldVersion: status[1] === '0' });
  if (typeof framing === 'string') return framing;
  const named = namedByConnection(connection);
  const closes = status[1] === '0' || connection?.toLowerCase() === 'close' || named.has('close');
  return {
    status: code,
    reason: status[3] ?? '',
    fields,
    framing,
    persistent: !closes && framing.kind !== 'until close',
    named,
  };
}

function endOfLine(text: string, start: number): number {
  const end = text.indexOf('\r\n', start);
  return end < 0 ? text.length : end;
}

/** In lower case; undefined if it is none. */
function nameOf(written: string): string | undefined {
  return lowerCase.get(written) ?? (fieldName.test(written) ? written.toLowerCase() : undefined);
}

const space = 0x20;
const tab = 0x09;

/** Blanks are spaces and tabs alone (RFC 9110, 5.6.3): `trim` would take a byte off a text that ends in `à`. */
function withoutBlanks(text: string, from: number, to: number): string {
  let start = from;
  let end = to;
  while (start < end && isBlank(text.charCodeAt(start))) start += 1;
  while (start < end && isBlank(text.charCodeAt(end - 1))) end -= 1;
  return text.slice(start, end);
}

function isBlank(code: number): boolean {
  return code === space || code === tab;
}

function capitalised(name: string): string {
  return name.replace(/\b[a-z]/g, (letter) => letter.toUpperCase());
}

interface FramingFacts {
  readonly code: number;
  readonly method: string;
  readonly length: string | undefined;
  readonly encoding: string | undefined;
  readonly oldVersion: boolean;
}

/** RFC 9112, 6.3, without its allowances for the careless. */
function framingOf({ code, method, length, encoding, oldVersion }: FramingFacts): Framing | string {
  if (encoding !== undefined) {
    if (length !== undefined) return 'there are a length and a transfer encoding';
    if (encoding.toLowerCase() !== 'chunked' || oldVersion) return 'the transfer encoding is unknown';
    if (code < 200 || code === 204) return 'an answer without a body has a transfer encoding';
  }
  if (length !== undefined && !/^\d{1,15}$/.test(length)) return 'the length is malformed';
  if ((code < 200 || code === 204) && length !== undefined && Number(length) !== 0)
    return 'an answer without a body has a length';
  if (method === 'HEAD' || code < 200 || code === 204 || code === 304) return { kind: 'none' };
  if (encoding !== undefined) return { kind: 'chunked' };
  if (length === undefined) return { kind: 'until close' };
  const bytes = Number(length);
  return bytes === 0 ? { kind: 'none' } : { kind: 'length', bytes };
}
