import { isBinary } from './binary.ts';
import type { EventType } from './event.ts';
import type { MessageType } from './message.ts';
import type { Operation } from './operation.ts';
import { replySchemaOf } from './reply-type.ts';
import type { OutputOf, Schema } from './standard-schema.ts';
import { createValidator, type Validator } from './validator.ts';

type Side = 'input' | 'output';
const validators: Record<Side, WeakMap<Schema, Validator<unknown>>> = {
  input: new WeakMap(),
  output: new WeakMap(),
};

/** Validates what a caller hands in. One per schema value: later calls return the same validator. */
export function inputValidator<Op extends Operation>(operation: Op): Validator<OutputOf<Op['input']>> {
  return validatorOf(operation.input, 'input');
}

/**
 * Validates and projects what a handler returns.
 * @throws TypeError if the operation answers with a byte stream, which has no schema
 */
export function outputValidator<Op extends Operation>(operation: Op): Validator<OutputOf<Op['output']>> {
  if (isBinary(operation.output)) {
    throw new TypeError(
      `operation '${operation.name}' answers with bytes; check isBinary(operation.output) first.`,
    );
  }
  return validatorOf(operation.output, 'output');
}

/** Validates the data of an event or a message. */
export function dataValidator<Type extends EventType | MessageType>(
  type: Type,
): Validator<OutputOf<Type['data']>> {
  return validatorOf(type.data, 'output');
}

/**
 * Validates what comes back: the reply to a message, one consumer's answer to an event.
 * @throws TypeError if the contract declares none
 */
export function replyValidator(type: EventType | MessageType): Validator<unknown> {
  const schema = replySchemaOf(type);
  if (schema === undefined) {
    const what = type.kind === 'message' ? 'reply' : 'answer';
    throw new TypeError(`${type.kind} '${type.service}.${type.name}' declares no ${what}.`);
  }
  return validatorOf(schema, 'output');
}

/**
 * Validates the data of a declared refusal; undefined if the refusal carries none.
 * @throws TypeError if the operation declares no refusal of that name
 */
export function errorDataValidator(operation: Operation, errorName: string): Validator<unknown> | undefined {
  const declared = Object.hasOwn(operation.errors, errorName) ? operation.errors[errorName] : undefined;
  if (declared === undefined) {
    throw new TypeError(`operation '${operation.name}' declares no refusal '${errorName}'.`);
  }
  return declared.data === undefined ? undefined : validatorOf(declared.data, 'output');
}

function validatorOf<Output>(schema: Schema, side: Side): Validator<Output> {
  const memo = validators[side];
  const before = memo.get(schema);
  if (before !== undefined) return before as Validator<Output>;
  const made = createValidator<Output>(schema, side);
  memo.set(schema, made);
  return made;
}
