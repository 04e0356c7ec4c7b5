import type { Clock, Logger } from '@banyan/core';
import type { PostgresDatabase } from '../database.ts';
import type { PostgresReplyStore } from './postgres-reply-store.ts';

/** The first round comes soon, at a time that differs among instances: services may be restarted more often than rounds come. */
const firstWithinMs = 60_000;
const everyMs = 3_600_000;
/** Longer than a saga may be stuck before somebody has mended what it is stuck at: its calls are repeated by the same keys then. */
const retentionMs = 90 * 86_400_000;

export interface ForgettingOptions {
  readonly database: PostgresDatabase;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** In every service: those that sagas call need not have sagas of their own. Returns what ends it. */
export function forgetReplies(
  replies: PostgresReplyStore,
  { database, clock, logger }: ForgettingOptions,
): () => void {
  let isOver = false;
  let cancel = () => {};
  const round = async () => {
    try {
      await replies.prune(database.sql, retentionMs);
    } catch (error) {
      if (!isOver) logger.warn('old replies could not be forgotten; trying again later', { error });
    } finally {
      if (!isOver) schedule(everyMs);
    }
  };
  const schedule = (delayMs: number) => {
    cancel = clock.setTimer(() => void round(), delayMs);
  };
  schedule(Math.random() * firstWithinMs);
  return () => {
    isOver = true;
    cancel();
  };
}
