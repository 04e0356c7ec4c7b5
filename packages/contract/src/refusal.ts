import { isServiceError, type ServiceError } from '@banyan/core';
import type { DeclaredErrors, Operation } from './operation.ts';
import type { OutputOf, Schema } from './standard-schema.ts';

type DataOf<Errors extends DeclaredErrors, Name extends keyof Errors> = Errors[Name] extends {
  readonly data: infer Data extends Schema;
}
  ? OutputOf<Data>
  : undefined;

/** A refusal that an operation declares, as its caller catches it. */
export type Refusal<Op extends Operation, Name extends keyof Op['errors'] & string> = ServiceError & {
  readonly reason: Name;
  readonly details: DataOf<Op['errors'], Name>;
  readonly declared: true;
};

/** True if `error` is the refusal `name` that `operation` declares; its `details` are typed then. */
export function isRefusal<Op extends Operation, Name extends keyof Op['errors'] & string>(
  error: unknown,
  operation: Op,
  name: Name,
): error is Refusal<Op, Name> {
  return (
    Object.hasOwn(operation.errors, name) && isServiceError(error) && error.declared && error.reason === name
  );
}

/**
 * Answers one refusal of a call; every other error passes on. For a call's `catch`:
 * `await call.stock.reserve(wanted).catch(onRefusal(stock.operations.reserve, 'outOfStock', ({ left }) => fail('soldOut', { left })))`.
 */
export function onRefusal<Op extends Operation, Name extends keyof Op['errors'] & string, Answer>(
  operation: Op,
  name: Name,
  answer: (details: DataOf<Op['errors'], Name>) => Answer,
): (error: unknown) => Answer {
  return (error) => {
    if (isRefusal(error, operation, name)) return answer(error.details);
    throw error;
  };
}
