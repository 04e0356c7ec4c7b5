import { describedOr } from './check-operation.ts';
import { eventNameIssue } from './event-name.ts';
import { checkKeyedData } from './keyed-data.ts';
import type { OutputOf, Schema } from './standard-schema.ts';

/** One event of a contract: something that has happened, in the past tense, told to whoever wants to know. */
export interface EventType<
  Data extends Schema = Schema,
  Answer extends Schema | undefined = Schema | undefined,
> {
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
  /** What each consumer may answer when the event is published with `gather`; undefined for an event that nobody answers. */
  readonly answer: Answer;
  readonly description: string | undefined;
}

/**
 * Declares an event: `event('PaymentCaptured', { data: Payment, key: 'orderId' })`. With `answer` its publisher can gather what consumers
 * answer to it (publish and asynchronous responses).
 * @throws TypeError, with the fix in the text, if the name does not say what has happened, or `key` is not a required string field of `data`
 */
export function event<Data extends Schema, Answer extends Schema | undefined = undefined>(
  type: string,
  options: {
    readonly data: Data;
    readonly key: keyof OutputOf<Data> & string;
    readonly answer?: Answer;
    readonly description?: string;
    /** The name is right although it is not in the past tense, or sounds like storage. Say why beside it. */
    readonly anyName?: boolean;
  },
): EventType<Data, Answer> {
  const refuse = (why: string) => new TypeError(`event('${type}'): ${why}`);
  const issue = eventNameIssue(type, options.anyName);
  if (issue !== undefined) throw refuse(issue);
  checkKeyedData(options.data, options.key, refuse);
  const { answer } = options;
  if (answer !== undefined) describedOr(refuse, 'answer', { schema: answer, direction: 'output' });
  return {
    kind: 'event',
    service: '',
    name: '',
    type,
    data: options.data,
    key: options.key,
    answer: answer as Answer,
    description: options.description,
  };
}
