import { ServiceError, type Sql } from '@banyan/core';

/** A reply as it is kept; `void` if the operation may not run any more. */
export type StoredReply = { readonly kind: 'reply'; readonly value: unknown } | { readonly kind: 'void' };

/**
 * Replies to keyed calls, kept in the participant's own database.
 *
 * - **Atomicity**: `store`, `storeAll` and `voidKey` take effect with the transaction of `sql`.
 * - **Once**: a key has one reply; a second `store` or `storeAll` rejects with `already_exists`. All wait for an open transaction that has the same key.
 */
export interface ReplyStore {
  find(sql: Sql, key: string): Promise<StoredReply | undefined>;
  /** Those that there are, by key. */
  findAll(sql: Sql, keys: readonly string[]): Promise<ReadonlyMap<string, StoredReply>>;
  store(sql: Sql, key: string, value: unknown): Promise<void>;
  /** All of them, or none. Keys are distinct. */
  storeAll(sql: Sql, replies: readonly { readonly key: string; readonly value: unknown }[]): Promise<void>;
  /** Takes the key for good, unless there is a reply. */
  voidKey(sql: Sql, key: string): Promise<StoredReply>;
}

/** @throws ServiceError `failed_precondition` `call_voided` if the caller gave the key up */
export function answerOf(reply: StoredReply): unknown {
  if (reply.kind === 'reply') return reply.value;
  throw new ServiceError('The caller gave this call up before it was handled.', {
    code: 'failed_precondition',
    reason: 'call_voided',
    notStarted: true,
  });
}
