import { describedOr } from './check-operation.ts';
import { checkKeyedData } from './keyed-data.ts';
import type { OutputOf, Schema } from './standard-schema.ts';

/**
 * One message of a contract: something that the service can be told to do, in the imperative, by a sender that names it. An event has no
 * addressee, a message has exactly one.
 */
export interface MessageType<
  Data extends Schema = Schema,
  Reply extends Schema | undefined = Schema | undefined,
> {
  readonly kind: 'message';
  /** Name of the owning contract, which is the addressee; empty until `contract()` adopts the message. */
  readonly service: string;
  /** Key in the contract's `messages`; empty until `contract()` adopts the message. */
  readonly name: string;
  /** CloudEvents `type`, such as `ReserveStock`. */
  readonly type: string;
  readonly data: Data;
  /** Field of `data` whose value orders messages: those of one sender with equal values arrive in the order of its commits. */
  readonly key: string;
  /** What the addressee answers; undefined for a one-way message, a notification. */
  readonly reply: Reply;
  readonly description: string | undefined;
}

/**
 * Declares a message: `message('ReserveStock', { data: Reservation, key: 'orderId', reply: Reserved })`. Without `reply` it is one-way.
 * @throws TypeError, with the fix in the text, if `key` is not a required string field of `data`
 */
export function message<Data extends Schema, Reply extends Schema | undefined = undefined>(
  type: string,
  options: {
    readonly data: Data;
    readonly key: keyof OutputOf<Data> & string;
    readonly reply?: Reply;
    readonly description?: string;
  },
): MessageType<Data, Reply> {
  const refuse = (why: string) => new TypeError(`message('${type}'): ${why}`);
  if (!/^[A-Z][A-Za-z0-9]*$/.test(type)) {
    throw refuse("name it in PascalCase, as something to be done, such as 'ReserveStock'.");
  }
  checkKeyedData(options.data, options.key, refuse);
  const { reply } = options;
  if (reply !== undefined) describedOr(refuse, 'reply', { schema: reply, direction: 'output' });
  return {
    kind: 'message',
    service: '',
    name: '',
    type,
    data: options.data,
    key: options.key,
    reply: reply as Reply,
    description: options.description,
  };
}
