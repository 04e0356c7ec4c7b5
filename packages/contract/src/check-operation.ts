import { httpStatusOfCode } from '@banyan/core';
import { isBinary } from './binary.ts';
import { clientHeader, sessionHeader, takesJsonBody } from './http-binding.ts';
import { type Direction, type JsonSchema, toJsonSchema } from './json-schema.ts';
import { type ObjectField, type ObjectFields, objectFields } from './object-fields.ts';
import type { Operation } from './operation.ts';
import type { Schema } from './standard-schema.ts';
import { urlValueOf } from './url-value.ts';

// What every service's own listener answers.
const reservedRoutes: ReadonlySet<string> = new Set([
  'GET /health/live',
  'GET /health/ready',
  'GET /health/startup',
  'GET /metrics',
]);
const literalSegment = /^[A-Za-z0-9._~-]+$/;
const nameSegment = /^:[A-Za-z][A-Za-z0-9_]*$/;

/** camelCase: what a key of a contract may be, so that it is an identifier in every language that reads the documents. */
export const camelCase = /^[a-z][A-Za-z0-9]*$/;

/** @throws TypeError, with the fix in the text, at the first contradiction in `operation` */
export function checkOperation(operation: Operation): void {
  const refuse: Refuse = (why) => new TypeError(`operation('${operation.method} ${operation.path}'): ${why}`);
  checkPath(operation, refuse);
  checkBinaries(operation, refuse);
  checkInput(operation, refuse);
  checkOutput(operation, refuse);
  checkErrors(operation, refuse);
  checkBalancing(operation, refuse);
  if (!(operation.timeoutMs > 0 && operation.timeoutMs < 2 ** 31)) {
    throw refuse('timeoutMs must be a positive number of milliseconds below 2^31.');
  }
}

/** The schema's JSON Schema; a schema without one is refused with the fix in the text. */
export function describedOr(
  refuse: Refuse,
  what: string,
  { schema, direction }: { readonly schema: Schema; readonly direction: Direction },
): JsonSchema {
  try {
    return toJsonSchema(schema, direction);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new TypeError(refuse(`${what}: ${why}`).message, { cause });
  }
}

export type Refuse = (why: string) => TypeError;

/** Names for an error text. */
export function listOf(names: Iterable<string>): string {
  return [...names].join(', ') || 'none';
}

function checkPath({ method, path, pathNames }: Operation, refuse: Refuse): void {
  if (reservedRoutes.has(`${method} ${path}`))
    throw refuse('the platform answers this path itself: choose another.');
  if (path === '/') return;
  if (path.endsWith('/')) throw refuse('remove the trailing slash.');
  for (const segment of path.slice(1).split('/')) {
    if (segment === '') throw refuse('the path has an empty segment: remove one of the slashes.');
    if (segment === '.' || segment === '..')
      throw refuse(`clients resolve the segment '${segment}' away: remove it.`);
    if (!(segment.startsWith(':') ? nameSegment : literalSegment).test(segment)) {
      throw refuse(`the segment '${segment}' must be ':name', or letters, digits and . _ ~ - only.`);
    }
  }
  const twice = pathNames.find((name, index) => pathNames.indexOf(name) !== index);
  if (twice !== undefined) throw refuse(`the path names ':${twice}' twice: give the second another name.`);
}

function checkBinaries({ method, upload, output, status, location }: Operation, refuse: Refuse): void {
  if (upload !== undefined) {
    if (!isBinary(upload)) throw refuse("'upload' must be binary({ types: [...] }).");
    if (method === 'GET' || method === 'DELETE') {
      throw refuse(`${method} has no request body to upload: use POST or PUT.`);
    }
    const wildcard = upload.types.find((type) => type.includes('*'));
    if (wildcard !== undefined)
      throw refuse(`'upload' must name its media types; '${wildcard}' is for downloads.`);
  }
  if (!isBinary(output)) return;
  if (location !== undefined) {
    throw refuse("'location' reads fields of the output, and this output is bytes: remove one of them.");
  }
  if (status === 204) throw refuse('status 204 has no body: use 200 for a binary output.');
}

function checkInput(operation: Operation, refuse: Refuse): void {
  const schema = describedOr(refuse, 'input', { schema: operation.input, direction: 'input' });
  const input = objectFields(schema);
  if (input === undefined)
    throw refuse('the input must be an object schema: its fields fill path, query and body.');
  for (const name of operation.pathNames)
    checkPathField(name, { field: input.fields.get(name), input, schema }, refuse);
  checkHeaders(operation, { input, schema }, refuse);
  checkBalanceField(operation, { input, schema }, refuse);
  if (takesJsonBody(operation)) return;
  if (input.open) {
    throw refuse(
      'the input travels in the query, which carries declared fields only: name them instead of allowing any.',
    );
  }
  for (const [name, field] of input.fields) {
    if (Object.hasOwn(operation.headers, name)) continue;
    const type = urlValueOf(field.schemas, schema);
    if (typeof type === 'string')
      throw refuse(`the input field '${name}' travels in the query, but ${type}.`);
  }
}

/** The platform reads these itself, or a connection does; what they say reaches a handler in its context, or not at all. */
const reservedHeaders =
  /^(?:authorization|cookie|host|connection|keep-alive|te|trailer|transfer-encoding|upgrade|expect|content-.*|proxy-.*|forwarded|x-forwarded-.*|traceparent|tracestate|baggage|idempotency-key|banyan-.*)$/;

function checkHeaders(
  { headers, pathNames }: Operation,
  { input, schema }: { readonly input: ObjectFields; readonly schema: JsonSchema },
  refuse: Refuse,
): void {
  const taken = new Set<string>();
  for (const [name, header] of Object.entries(headers)) {
    const field = input.fields.get(name);
    if (field === undefined) {
      throw refuse(`'headers' names '${name}', which the input lacks: add the field or remove it.`);
    }
    if (pathNames.includes(name)) throw refuse(`'${name}' is in the path and in 'headers': choose one.`);
    if (!/^[a-z][a-z0-9-]*$/.test(header)) {
      throw refuse(`'headers.${name}' must be a header name in lower case, not '${header}'.`);
    }
    if (reservedHeaders.test(header) && header !== clientHeader && header !== sessionHeader)
      throw refuse(`the platform reads the header '${header}' itself: remove it.`);
    if (taken.has(header)) throw refuse(`two input fields take the header '${header}': keep one.`);
    taken.add(header);
    const type = urlValueOf(field.schemas, schema);
    if (typeof type === 'string' || !type.strings || type.items !== undefined || field.required) {
      throw refuse(`the input field '${name}' comes from a header, so it must be an optional string.`);
    }
  }
}

function checkPathField(
  name: string,
  { field, input, schema }: { field: ObjectField | undefined; input: ObjectFields; schema: JsonSchema },
  refuse: Refuse,
): void {
  if (field === undefined) {
    throw refuse(
      `the path names ':${name}', which the input lacks: add the field or rename it; the input has ${listOf(input.fields.keys())}.`,
    );
  }
  if (!field.required) throw refuse(`the input field '${name}' is in the path, so it must not be optional.`);
  const type = urlValueOf(field.schemas, schema);
  const fits =
    typeof type !== 'string' &&
    !(type.booleans || type.nulls || type.items !== undefined) &&
    [...type.constants.values()].every((value) => typeof value === 'string' || typeof value === 'number');
  if (fits) return;
  const why =
    typeof type === 'string' ? `but ${type}` : 'so it must be a string, a number or an enumeration of those';
  throw refuse(`the input field '${name}' is in the path, ${why}.`);
}

function checkOutput({ output, status, location }: Operation, refuse: Refuse): void {
  if (isBinary(output)) return;
  const schema = describedOr(refuse, 'output', { schema: output, direction: 'output' });
  const described = objectFields(schema);
  if (status === 204 && (described?.fields.size ?? 0) > 0) {
    throw refuse('status 204 has no body: give the output no fields, or use another status.');
  }
  if (location === undefined) return;
  if (!/^\/(?:[A-Za-z0-9._~/-]|\{[A-Za-z][A-Za-z0-9_]*\})*$/.test(location)) {
    throw refuse(
      `write 'location' as a path with {field} in it, such as '/orders/{orderId}', not '${location}'.`,
    );
  }
  for (const [, name = ''] of location.matchAll(/\{([^}]*)\}/g)) {
    const field = described?.fields.get(name);
    const type = field?.required === true ? urlValueOf(field.schemas, schema) : 'missing';
    if (typeof type === 'string' || type.booleans || type.nulls || type.items !== undefined) {
      throw refuse(
        `'location' names {${name}}, which must be a required string or number of the output; the output has ${listOf(described?.fields.keys() ?? [])}.`,
      );
    }
  }
}

function checkErrors({ errors }: Operation, refuse: Refuse): void {
  for (const [name, { status, data }] of Object.entries(errors)) {
    if (!camelCase.test(name)) {
      throw refuse(`name the error '${name}' in camelCase; snake_case is for the platform's own reasons.`);
    }
    if (Object.hasOwn(httpStatusOfCode, name)) {
      throw refuse(`'${name}' is one of the platform's own error codes: name the error after what happened.`);
    }
    if (!Number.isInteger(status) || status < 400 || status > 499) {
      throw refuse(
        `the error '${name}' needs a status from 400 to 499; a refusal is never the server's failure.`,
      );
    }
    if (data !== undefined)
      describedOr(refuse, `data of the error '${name}'`, { schema: data, direction: 'output' });
  }
}

function checkBalancing({ balance, hedge, idempotent, upload, output }: Operation, refuse: Refuse): void {
  if (typeof balance === 'string' && !['least_requests', 'round_robin', 'user'].includes(balance))
    throw refuse("'balance' must be 'least_requests', 'round_robin', 'user' or { field }.");
  if (hedge && !idempotent)
    throw refuse("'hedge' may run it twice: say that it is idempotent, or leave 'hedge' out.");
  if (hedge && (upload !== undefined || isBinary(output)))
    throw refuse("'hedge' is for JSON: streams are not sent twice; leave 'hedge' out.");
}

function checkBalanceField(
  { balance }: Operation,
  { input, schema }: { readonly input: ObjectFields; readonly schema: JsonSchema },
  refuse: Refuse,
): void {
  if (typeof balance === 'string') return;
  const field = input.fields.get(balance.field);
  const type = field === undefined ? 'missing' : urlValueOf(field.schemas, schema);
  if (typeof type === 'string' || type.booleans || type.nulls || type.items !== undefined)
    throw refuse(
      `'balance' names '${balance.field}', which must be a string or number of the input; the input has ${listOf(input.fields.keys())}.`,
    );
}
