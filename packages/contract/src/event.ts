import { describedOr, listOf } from './check-operation.ts';
import { objectFields } from './object-fields.ts';
import type { OutputOf, Schema } from './standard-schema.ts';
import { urlValueOf } from './url-value.ts';

/** One event of a contract: something that has happened, in the past tense, told to whoever wants to know. */
export interface EventType<Data extends Schema = Schema> {
  readonly kind: 'event';
  /** Name of the owning contract; empty until `contract()` adopts the event. */
  readonly service: string;
  /** Key in the contract's `events`; empty until `contract()` adopts the event. */
  readonly name: string;
  /** CloudEvents `type`, such as `PaymentCaptured`. */
  readonly type: string;
  readonly data: Data;
  /** Field of `data` whose value orders events: those with equal values arrive in the order of their commits. */
  readonly key: string;
  readonly description: string | undefined;
}

/**
 * Declares an event: `event('PaymentCaptured', { data: Payment, key: 'orderId' })`.
 * @throws TypeError, with the fix in the text, if `key` is not a required string field of `data`
 */
export function event<Data extends Schema>(
  type: string,
  options: {
    readonly data: Data;
    readonly key: keyof OutputOf<Data> & string;
    readonly description?: string;
  },
): EventType<Data> {
  checkEvent(type, options.data, options.key);
  return {
    kind: 'event',
    service: '',
    name: '',
    type,
    data: options.data,
    key: options.key,
    description: options.description,
  };
}

function checkEvent(type: string, data: Schema, key: string): void {
  const refuse = (why: string) => new TypeError(`event('${type}'): ${why}`);
  if (!/^[A-Z][A-Za-z0-9]*$/.test(type)) {
    throw refuse("name it in PascalCase, as something that has happened, such as 'PaymentCaptured'.");
  }
  const schema = describedOr(refuse, 'data', { schema: data, direction: 'output' });
  const fields = objectFields(schema)?.fields;
  if (fields === undefined) throw refuse('data must be an object schema.');
  const field = fields.get(key);
  const value = field?.required === true ? urlValueOf(field.schemas, schema) : 'missing';
  const isString =
    typeof value !== 'string' &&
    !(value.numbers || value.booleans || value.nulls || value.items !== undefined) &&
    [...value.constants.values()].every((constant) => typeof constant === 'string');
  if (!isString) {
    throw refuse(
      `the key '${key}' must be a required string field of data, which has ${listOf(fields.keys())}.`,
    );
  }
}
