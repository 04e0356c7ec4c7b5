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
const unprintable = /[^\t\x20-\x7e\x80-\xff]/;

/**
 * Reads status line and fields, strictly (RFC 9112): what two programs could read differently is no answer.
 * @param text what stands before the empty line, as latin1
 * @returns the problem, in words for the log, if it cannot be read for certain
 */
export function parseResponseHead(text: string, method: string): ResponseHead | string {
  const lines = text.split('\r\n');
  const status = statusLine.exec(lines[0] ?? '');
  if (status === null) return 'the status line is malformed';
  const fields: string[] = [];
  let length: string | undefined;
  let encoding: string | undefined;
  let connection: string | undefined;
  for (let index = 1; index < lines.length; index += 1) {
    const line = lines[index] ?? '';
    const colon = line.indexOf(':');
    const name = line.slice(0, Math.max(colon, 0));
    const value = line.slice(colon + 1).trim();
    // A folded line begins with a space, which no name has.
    if (!fieldName.test(name) || unprintable.test(value)) return 'a header field is malformed';
    const lower = name.toLowerCase();
    if (lower === 'content-length') {
      if (length !== undefined) return 'there are several lengths';
      length = value;
    } else if (lower === 'transfer-encoding') {
      if (encoding !== undefined) return 'there are several transfer encodings';
      encoding = value;
    } else if (lower === 'connection') {
      connection = connection === undefined ? value : `${connection},${value}`;
    }
    fields.push(lower, value);
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
