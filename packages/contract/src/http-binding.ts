import { ServiceError } from '@banyan/core';
import { toJsonSchema } from './json-schema.ts';
import { type ObjectFields, objectFields } from './object-fields.ts';
import type { Operation } from './operation.ts';
import { fromText, toText, type UrlValue, urlValueOf } from './url-value.ts';
import { invalidInput } from './validator.ts';

/** An operation's input as an HTTP request and back. Each field has one place: path, query or JSON body. */
export interface HttpBinding {
  /**
   * The flat input of a request, not yet validated. Path and query texts become numbers, booleans and arrays (repeated
   * names) where the schema says so. A field named in the path is taken from there alone: the same name in
   * query or body is ignored. So are the body of an operation whose rest travels in the query, and the query of one
   * whose rest travels in the body.
   *
   * @param params the path's values, percent-decoded
   * @param body parsed JSON; undefined counts as `{}`
   * @param headers by lower-case name; a field that the operation takes from a header is taken from there alone
   * @throws ServiceError `invalid_argument` `invalid_body` if the body is no JSON object
   */
  toInput(
    params: Readonly<Record<string, string>>,
    query: URLSearchParams | string,
    body: unknown,
    headers?: RequestHeaders,
  ): unknown;
  /**
   * The request that `toInput` turns into `input` again. `query` has no leading `?`; `body` is undefined where the rest
   * travels in the query.
   * @throws ServiceError `invalid_argument` `invalid_input` if a field cannot go into a URL (empty path value, wrong type …)
   */
  toRequest(input: unknown): HttpRequestParts;
}

export interface HttpRequestParts {
  readonly path: string;
  readonly query: string;
  readonly body: unknown | undefined;
  /** By lower-case name; only those that the input gives. */
  readonly headers: Readonly<Record<string, string>>;
}

/** As Node holds them. */
export type RequestHeaders = Readonly<Record<string, string | readonly string[] | undefined>>;

// Most ids and numbers; the test takes a tenth of the time of encoding.
const needsNoEncoding = /^[A-Za-z0-9._~-]*$/;

const noHeaders: Readonly<Record<string, string>> = {};
/** Visible ASCII; HTTP drops spaces around it. */
const headerValue = /^(?:[!-~](?:[ -~]*[!-~])?)?$/;

/** True if `text` arrives as it was sent. */
export function isHeaderValue(text: string): boolean {
  return headerValue.test(text);
}
export const notAHeaderValue = 'travels in a header, so it must be visible ASCII without spaces around it';

/**
 * The header in which the gateway tells an operation that asks for it, `headers: { client: 'banyan-client' }`, which client a request comes
 * from: an address, or the network that stands for one. Always the gateway's word, never the client's.
 */
export const clientHeader = 'banyan-client';

/** The same for the reference in the session cookie, for the operation that ends the session: `headers: { session: 'banyan-session' }`. */
export const sessionHeader = 'banyan-session';

const bindings = new WeakMap<Operation, HttpBinding>();

/** The HTTP side of `operation`; made once per operation value. */
export function createHttpBinding(operation: Operation): HttpBinding {
  const before = bindings.get(operation);
  if (before !== undefined) return before;
  const made = new FlatBinding(operation);
  bindings.set(operation, made);
  return made;
}

/** True if the fields that are not in the path travel in a JSON body; else they travel in the query. */
export function takesJsonBody({ method, upload }: Pick<Operation, 'method' | 'upload'>): boolean {
  return upload === undefined && method !== 'GET' && method !== 'DELETE';
}

/** The output's address for the `Location` header; undefined if the operation declares none, or a value in it is empty. */
export function expandLocation(operation: Operation, output: unknown): string | undefined {
  if (operation.location === undefined || !isObject(output)) return undefined;
  let complete = true;
  const location = operation.location.replace(/\{([^}]*)\}/g, (_, name: string) => {
    const value = output[name];
    const segment =
      typeof value === 'string' || typeof value === 'number' ? toSegment(String(value)) : undefined;
    if (segment === undefined) complete = false;
    return segment ?? '';
  });
  return complete ? location : undefined;
}

class FlatBinding implements HttpBinding {
  readonly #pathNames: readonly string[];
  /** Input field and header name. */
  readonly #headers: readonly (readonly [string, string])[];
  /** Fields that travel in neither query nor body. */
  readonly #elsewhere: ReadonlySet<string>;
  readonly #segments: readonly string[];
  readonly #inQuery: boolean;
  readonly #types: ReadonlyMap<string, UrlValue>;

  constructor(operation: Operation) {
    this.#pathNames = operation.pathNames;
    this.#headers = Object.entries(operation.headers);
    this.#elsewhere = new Set([...operation.pathNames, ...Object.keys(operation.headers)]);
    this.#segments = operation.path.slice(1).split('/');
    this.#inQuery = !takesJsonBody(operation);
    this.#types = urlTypes(operation, this.#inQuery);
  }

  toInput(
    params: Readonly<Record<string, string>>,
    query: URLSearchParams | string,
    body: unknown,
    headers: RequestHeaders = {},
  ): unknown {
    const rest = this.#inQuery ? this.#fromQuery(query) : fromBody(body);
    if (this.#elsewhere.size === 0) return rest;
    // Spreading defines properties, so an own `__proto__` of the body stays a property and validation sees it.
    const input: Record<string, unknown> = this.#inQuery ? rest : { ...rest };
    for (const name of this.#pathNames) {
      const text = params[name];
      const type = this.#types.get(name);
      define(input, name, text === undefined || type === undefined ? text : fromText(text, type));
    }
    for (const [name, header] of this.#headers) {
      const text = headers[header];
      if (text === undefined) delete input[name];
      else define(input, name, text);
    }
    return input;
  }

  #fromQuery(query: URLSearchParams | string): Record<string, unknown> {
    const rest: Record<string, unknown> = {};
    if (query === '') return rest;
    const pairs = typeof query === 'string' ? new URLSearchParams(query) : query;
    for (const [name, text] of pairs) this.#addPair(rest, name, text);
    return rest;
  }

  #addPair(rest: Record<string, unknown>, name: string, text: string): void {
    const type = this.#types.get(name);
    const items = type?.items;
    const before = Object.hasOwn(rest, name) ? rest[name] : undefined;
    if (items !== undefined) {
      if (Array.isArray(before)) before.push(fromText(text, items));
      else define(rest, name, [fromText(text, items)]);
      return;
    }
    const emptied = type === undefined && name.endsWith('[]') ? name.slice(0, -2) : undefined;
    if (emptied !== undefined && this.#types.get(emptied)?.items !== undefined) {
      if (!Object.hasOwn(rest, emptied)) define(rest, emptied, []);
    } else if (before === undefined) define(rest, name, type === undefined ? text : fromText(text, type));
    // A name repeated where one value is wanted becomes an array, which validation refuses; picking one would hide it.
    else if (Array.isArray(before)) before.push(text);
    else define(rest, name, [before, text]);
  }

  toRequest(input: unknown): HttpRequestParts {
    if (!isObject(input)) throw refuse('', 'must be an object');
    let path = '';
    for (const segment of this.#segments) {
      path += `/${segment.startsWith(':') ? this.#toSegment(input, segment.slice(1)) : segment}`;
    }
    const headers = this.#toHeaders(input);
    return this.#inQuery
      ? { path, query: this.#toQuery(input), body: undefined, headers }
      : { path, query: '', body: this.#toBody(input), headers };
  }

  #toHeaders(input: Record<string, unknown>): Readonly<Record<string, string>> {
    if (this.#headers.length === 0) return noHeaders;
    const headers: Record<string, string> = {};
    for (const [name, header] of this.#headers) {
      const value = Object.hasOwn(input, name) ? input[name] : undefined;
      if (value === undefined) continue;
      if (typeof value !== 'string' || !isHeaderValue(value)) throw refuse(name, notAHeaderValue);
      headers[header] = value;
    }
    return headers;
  }

  #toSegment(input: Record<string, unknown>, name: string): string {
    const type = this.#types.get(name);
    const text = type === undefined || !Object.hasOwn(input, name) ? undefined : toText(input[name], type);
    const segment = text === undefined ? undefined : toSegment(text);
    if (segment === undefined)
      throw refuse(name, 'must be a value that fits into a path: not empty, `.` or `..`');
    return segment;
  }

  #toQuery(input: Record<string, unknown>): string {
    const pairs: string[] = [];
    for (const name of Object.keys(input)) {
      const value = input[name];
      if (value === undefined || this.#elsewhere.has(name)) continue;
      const type = this.#types.get(name);
      if (type === undefined) {
        // Unknown to the schema, which may refuse it by name; its value has no business in a URL.
        pairs.push(`${encode(name, name)}=`);
      } else if (type.items !== undefined) {
        if (!Array.isArray(value)) throw refuse(name, 'must be an array');
        if (value.length === 0) pairs.push(`${encode(name, name)}[]=`);
        for (const element of value) pairs.push(toPair(name, element, type.items));
      } else pairs.push(toPair(name, value, type));
    }
    return pairs.join('&');
  }

  #toBody(input: Record<string, unknown>): Record<string, unknown> {
    if (this.#elsewhere.size === 0) return input;
    // Deleting from a copy would leave an object that is slow to write.
    const body: Record<string, unknown> = {};
    for (const name of Object.keys(input)) {
      if (!this.#elsewhere.has(name)) define(body, name, input[name]);
    }
    return body;
  }
}

function urlTypes(operation: Operation, inQuery: boolean): ReadonlyMap<string, UrlValue> {
  const schema = toJsonSchema(operation.input, 'input');
  const { fields }: Pick<ObjectFields, 'fields'> = objectFields(schema) ?? { fields: new Map() };
  const types = new Map<string, UrlValue>();
  for (const [name, field] of fields) {
    if (Object.hasOwn(operation.headers, name)) continue;
    if (!inQuery && !operation.pathNames.includes(name)) continue;
    const type = urlValueOf(field.schemas, schema);
    if (typeof type === 'string') throw new TypeError(`Input field '${name}' ${type}.`);
    types.set(name, type);
  }
  return types;
}

function fromBody(body: unknown): Record<string, unknown> {
  if (body === undefined) return {};
  if (isObject(body)) return body;
  throw new ServiceError('The request body must be a JSON object.', {
    code: 'invalid_argument',
    reason: 'invalid_body',
  });
}

function toPair(name: string, value: unknown, type: UrlValue): string {
  const text = toText(value, type);
  if (text === undefined) throw refuse(name, 'has a type that the schema does not allow here');
  return `${encode(name, name)}=${encode(text, name)}`;
}

/** Undefined for what cannot be a path segment: clients and proxies resolve `.` and `..` away, even percent-encoded. */
function toSegment(text: string): string | undefined {
  if (text === '' || text === '.' || text === '..') return undefined;
  if (needsNoEncoding.test(text)) return text;
  return text.isWellFormed() ? encodeURIComponent(text) : undefined;
}

function encode(text: string, name: string): string {
  if (needsNoEncoding.test(text)) return text;
  if (!text.isWellFormed()) throw refuse(name, 'has half of a surrogate pair, which a URL cannot hold');
  return encodeURIComponent(text);
}

function refuse(name: string, message: string): ServiceError {
  const path = name === '' ? '' : `/${name.slice(0, 200).replaceAll('~', '~0').replaceAll('/', '~1')}`;
  return invalidInput('input', [{ path, message }]);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Assignment would run the setter of `__proto__`. */
function define(target: Record<string, unknown>, name: string, value: unknown): void {
  if (name === '__proto__') {
    Object.defineProperty(target, name, { value, enumerable: true, writable: true, configurable: true });
  } else target[name] = value;
}
