import { type EventType, event, type Operation, operation } from '@banyan/contract';
import { z } from 'zod';

/** One change on its way to the peers. */
export interface Change<Value> {
  /** The replica that made it. */
  readonly origin: string;
  /** Its number among the changes of its origin: 1, 2, 3 … */
  readonly seq: number;
  readonly key: string;
  /** Lamport clock: a change that knew of another one has the larger version. */
  readonly version: number;
  /** Absent for a removal. */
  readonly value?: Value | undefined;
}

const Applied = z.object({ origin: z.string(), seq: z.int(), by: z.string() });
const Head = z.object({ seq: z.int() });
const Page = z.object({ after: z.string().default(''), limit: z.int().min(1).max(1_000).default(200) });

function changeSchema<Value extends z.ZodType>(value: Value) {
  return z.object({
    origin: z.string(),
    seq: z.int(),
    key: z.string(),
    version: z.int(),
    value: value.optional(),
  });
}

/**
 * The events of a replica's contract: `contract('stock-a', { events: replicaEvents(Stock), … })`. Both are keyed by the origin, so the changes
 * of one replica arrive in the order of its commits.
 */
export function replicaEvents<Value extends z.ZodType>(value: Value) {
  return {
    changed: event('ReplicaChanged', { data: changeSchema(value), key: 'origin' }),
    applied: event('ReplicaApplied', { data: Applied, key: 'origin' }),
  };
}

/** The operations that peers ask of a replica; spread them into its contract. Not for the outside: do not expose them. */
export function replicaOperations<Value extends z.ZodType>(value: Value) {
  return {
    replicaHead: operation('GET /replica/head', { input: z.object({}), output: Head }),
    replicaEntries: operation('GET /replica/entries', {
      input: Page,
      output: z.object({ entries: z.array(changeSchema(value)) }),
    }),
  };
}

/** What a contract must have to be one of several replicas. */
export interface ReplicaContract {
  readonly name: string;
  readonly events: { readonly changed: EventType; readonly applied: EventType };
  readonly operations: { readonly replicaHead: Operation; readonly replicaEntries: Operation };
}
