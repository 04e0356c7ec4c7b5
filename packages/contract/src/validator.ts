import { ServiceError } from '@banyan/core';
import type { FastPath } from './compile-plan.ts';
import { createFastPath } from './fast-path.ts';
import type { Direction } from './json-schema.ts';
import { mismatch } from './schema-plan.ts';
import type { Schema, StandardIssue, StandardResult } from './standard-schema.ts';

export interface Validator<Output> {
  /**
   * The value as the schema yields it: a copy with unknown fields stripped, defaults and transforms applied.
   * @throws ServiceError `invalid_argument` `invalid_input`, `details` of type {@link InvalidDetails}; `internal` `asynchronous_schema`
   */
  parse(value: unknown): Output;
}

/** Where and why a value does not match its schema. */
export interface InvalidDetails {
  /** At most 20, in the order in which the library found them. */
  readonly issues: readonly Issue[];
}

export interface Issue {
  /** JSON pointer (RFC 6901), `''` for the value as a whole. */
  readonly path: string;
  readonly message: string;
}

const maxIssues = 20;
const maxDepth = 500;
// Libraries quote unknown names and received values in their messages; a caller must not be able to make us repeat a megabyte.
const maxTextLength = 200;

/** Validates with `schema`; the verdict and the value are always those of the schema's own library. */
export function createValidator<Output>(schema: Schema, direction: Direction): Validator<Output> {
  return new SchemaValidator<Output>(schema, direction);
}

class SchemaValidator<Output> implements Validator<Output> {
  readonly #schema: Schema;
  readonly #direction: Direction;
  /** Compiled at the first value: most processes use few of the schemas that they define. */
  #fastPath: FastPath | undefined | 'not compiled' = 'not compiled';

  constructor(schema: Schema, direction: Direction) {
    this.#schema = schema;
    this.#direction = direction;
  }

  parse(value: unknown): Output {
    if (this.#fastPath === 'not compiled') this.#fastPath = createFastPath(this.#schema);
    if (this.#fastPath !== undefined) {
      try {
        const parsed = this.#fastPath(value);
        if (parsed !== mismatch) return parsed as Output;
      } catch {
        // A getter or a schema's own function threw. The library meets it again below and decides what it means.
      }
    }
    return this.#parseByLibrary(value);
  }

  #parseByLibrary(value: unknown): Output {
    let result: StandardResult<unknown> | Promise<StandardResult<unknown>>;
    try {
      result = this.#schema['~standard'].validate(value);
    } catch (error) {
      if (isTooDeep(value)) throw tooDeep(this.#direction);
      throw error;
    }
    if (result instanceof Promise) throw asynchronous(result, value, this.#direction);
    if (result.issues !== undefined)
      throw invalidInput(this.#direction, result.issues.slice(0, maxIssues).map(toIssue));
    return result.value as Output;
  }
}

/** The error that says that a value does not match its schema. */
export function invalidInput(direction: Direction, issues: readonly Issue[]): ServiceError {
  const first = issues[0];
  const where = first === undefined || first.path === '' ? '' : ` at ${first.path}`;
  const details: InvalidDetails = { issues };
  return new ServiceError(`The ${direction} is not valid${where}: ${first?.message ?? 'no reason given'}`, {
    code: 'invalid_argument',
    reason: 'invalid_input',
    details,
  });
}

function asynchronous(result: Promise<unknown>, value: unknown, direction: Direction): ServiceError {
  // The promise may reject later; nobody waits for it, and an unobserved rejection would end the process.
  result.catch(() => undefined);
  // zod tries again asynchronously after an exception, a stack overflow included.
  if (isTooDeep(value)) return tooDeep(direction);
  return new ServiceError(
    `The ${direction} schema validates asynchronously, or one of its own functions threw. Move what needs waiting into the handler.`,
    { code: 'internal', reason: 'asynchronous_schema' },
  );
}

function tooDeep(direction: Direction): ServiceError {
  return invalidInput(direction, [{ path: '', message: `is nested deeper than ${maxDepth} levels` }]);
}

/** True for values that recursive validation cannot finish, circles included. Looked at only after validation has failed oddly. */
function isTooDeep(value: unknown): boolean {
  let level: unknown[] = [value];
  for (let depth = 0; depth <= maxDepth; depth++) {
    const below = level.flatMap((part) =>
      typeof part === 'object' && part !== null ? Object.values(part) : [],
    );
    level = [...new Set(below)];
    if (level.length === 0) return false;
  }
  return true;
}

function toIssue(issue: StandardIssue): Issue {
  return { path: toPointer(issue.path ?? []), message: shorten(issue.message) };
}

function toPointer(path: NonNullable<StandardIssue['path']>): string {
  let pointer = '';
  for (const segment of path) {
    const key = String(typeof segment === 'object' ? segment.key : segment);
    pointer += `/${shorten(key).replaceAll('~', '~0').replaceAll('/', '~1')}`;
    if (pointer.length > maxTextLength) return shorten(pointer);
  }
  return pointer;
}

function shorten(text: string): string {
  return text.length <= maxTextLength ? text : `${text.slice(0, maxTextLength - 1)}…`;
}
