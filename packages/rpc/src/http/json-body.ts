import { isUtf8 } from 'node:buffer';
import type { IncomingMessage } from 'node:http';
import {
  bodyCutOff,
  bodyTooLarge,
  malformedJson,
  nestedTooDeeply,
  unsupportedMediaType,
} from './request-errors.ts';

export interface BodyOptions {
  readonly maxBytes: number;
  /** Looks at the headers before anything is read, if there is a body at all; throws to refuse. */
  readonly check: () => void;
}

export interface JsonBodyOptions {
  /** Default 1 MiB. */
  readonly maxBytes?: number;
  /** Arrays and objects inside each other. Default 64. */
  readonly maxDepth?: number;
}

export const defaultMaxJsonBytes = 1_048_576;
const defaultMaxDepth = 64;

/**
 * Reads a JSON request body; undefined if the request has none.
 * @throws ServiceError `invalid_argument`: `body_too_large` 413, `unsupported_media_type` 415, `malformed_json` 400,
 * `nested_too_deeply` 400; `cancelled` `body_cut_off` if the client goes away
 */
export function readJsonBody(request: IncomingMessage, options: JsonBodyOptions = {}): Promise<unknown> {
  const { headers } = request;
  const check = () => {
    if (!isJson(headers['content-type']) || headers['content-encoding'] !== undefined)
      throw unsupportedMediaType('application/json');
  };
  const maxDepth = options.maxDepth ?? defaultMaxDepth;
  return collect(request, { maxBytes: options.maxBytes ?? defaultMaxJsonBytes, check }, (bytes) =>
    parseJson(bytes, maxDepth),
  );
}

/**
 * Reads a request body as it is; undefined if the request has none.
 * @throws ServiceError `invalid_argument` `body_too_large` 413; `cancelled` `body_cut_off` if the client goes away; what `check` throws
 */
export function readBody(request: IncomingMessage, options: BodyOptions): Promise<Buffer | undefined> {
  return collect(request, options, (bytes) => bytes);
}

/**
 * @throws ServiceError `invalid_argument` `malformed_json`, `nested_too_deeply`
 */
export function parseJson(bytes: Buffer, maxDepth: number = defaultMaxDepth): unknown {
  if (!isUtf8(bytes)) throw malformedJson();
  return parseJsonText(bytes.toString('utf8'), maxDepth);
}

function parseJsonText(text: string, maxDepth: number): unknown {
  // Every level needs an opening and a closing character, so that short texts need no look.
  if (text.length > 2 * maxDepth && isDeeperThan(text, maxDepth)) throw nestedTooDeeply();
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw malformedJson(cause);
  }
}

function collect<Body>(
  request: IncomingMessage,
  { maxBytes, check }: BodyOptions,
  parse: (bytes: Buffer) => Body,
): Promise<Body | undefined> {
  const { 'content-length': length, 'transfer-encoding': encoding } = request.headers;
  if (length === '0' || (length === undefined && encoding === undefined)) return Promise.resolve(undefined);
  return new Promise((resolve, reject) => {
    // Throwing rejects.
    check();
    if (Number(length) > maxBytes) throw bodyTooLarge(maxBytes);
    let first: Buffer | undefined;
    let rest: Buffer[] | undefined;
    let bytes = 0;
    const fail = (error: unknown) => {
      request.off('data', onData);
      reject(error);
      // The remainder is read and dropped, so that the client gets to the answer.
      request.resume();
    };
    const onData = (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes > maxBytes) fail(bodyTooLarge(maxBytes));
      else if (first === undefined) first = chunk;
      else if (rest === undefined) rest = [first, chunk];
      else rest.push(chunk);
    };
    const onEnd = () => {
      if (bytes > maxBytes) return;
      try {
        const whole = rest === undefined ? first : Buffer.concat(rest);
        resolve(whole === undefined ? undefined : parse(whole));
      } catch (error) {
        reject(error);
      }
    };
    request.on('data', onData);
    request.on('end', onEnd);
    request.on('error', (error) => fail(bodyCutOff(error)));
  });
}

function isJson(contentType: string | undefined): boolean {
  if (contentType === 'application/json') return true;
  return (
    contentType !== undefined &&
    /^application\/json\s*(?:;\s*charset="?utf-8"?\s*)?;?$/i.test(contentType.trim())
  );
}

function isDeeperThan(text: string, maxDepth: number): boolean {
  if (countOpenings(text, maxDepth) <= maxDepth) return false;
  let depth = 0;
  let inString = false;
  for (let index = 0; index < text.length; index += 1) {
    const code = text.charCodeAt(index);
    if (inString) {
      if (code === 0x5c) index += 1;
      else if (code === 0x22) inString = false;
    } else if (code === 0x22) inString = true;
    else if (code === 0x5b || code === 0x7b) {
      depth += 1;
      if (depth > maxDepth) return true;
    } else if (code === 0x5d || code === 0x7d) depth -= 1;
  }
  return false;
}

/** Openings in the text, those inside strings included; stops counting above `enough`. */
function countOpenings(text: string, enough: number): number {
  let count = 0;
  for (const opening of ['[', '{']) {
    for (let at = text.indexOf(opening); at !== -1; at = text.indexOf(opening, at + 1)) {
      count += 1;
      if (count > enough) return count;
    }
  }
  return count;
}
