import type { Metrics } from '@banyan/telemetry';
import type { PollResult } from './poll-session.ts';
import type { FeedReaderStatus } from './reader-store.ts';

/** Figures of one reader, for whoever has to know that it keeps up. */
export interface ReaderMetrics {
  /** Of this instance: a turn that went well. */
  done(result: Partial<PollResult>): void;
  /** Of this instance: a poll that failed. */
  failed(): void;
  /** Of the reader as its database has it, whichever instance polls. */
  standing(status: FeedReaderStatus): void;
  /** This instance reads no longer. */
  end(): void;
}

export interface ReaderMetricsOptions {
  readonly metrics: Metrics;
  readonly service: string;
  readonly reader: string;
  readonly nowMs: () => number;
}

export function createReaderMetrics({
  metrics,
  service,
  reader,
  nowMs,
}: ReaderMetricsOptions): ReaderMetrics {
  const labels = ['service', 'reader'];
  const gauge = (name: string, help: string) => metrics.gauge({ name, help, labels }).labels(service, reader);
  const counter = (name: string, help: string) =>
    metrics.counter({ name, help, labels }).labels(service, reader);
  const sincePoll = gauge(
    'banyan_feed_reader_since_poll_seconds',
    'Time since any instance last polled the feed with success.',
  );
  const behind = gauge(
    'banyan_feed_reader_behind_seconds',
    'Time since the oldest entry was received that is not handled; 0 if there is none.',
  );
  const pending = gauge('banyan_feed_reader_pending', 'Entries received and not handled yet.');
  const dead = gauge('banyan_feed_reader_dead', 'Dead letters.');
  const received = counter('banyan_feed_reader_received_total', 'Entries that polls brought and were new.');
  const handled = counter('banyan_feed_reader_handled_total', 'Entries that were handled.');
  const failures = counter('banyan_feed_reader_failures_total', 'Entries whose handling failed.');
  const failedPolls = counter('banyan_feed_reader_failed_polls_total', 'Polls that failed.');
  // Who has never reached the feed is late since it began to try.
  let polledAtMs = nowMs();
  const stopCollecting = metrics.onCollect(() => {
    // The database's clock may be ahead of ours.
    sincePoll.set(Math.max(0, nowMs() - polledAtMs) / 1_000);
  });
  return {
    done(result) {
      received.inc(result.received ?? 0);
      handled.inc(result.handled ?? 0);
      failures.inc(result.failed ?? 0);
    },
    failed: () => failedPolls.inc(),
    standing(status) {
      if (status.lastPolledAt !== null) polledAtMs = Date.parse(status.lastPolledAt);
      behind.set(status.oldestPendingAgeMs / 1_000);
      pending.set(status.pending);
      dead.set(status.dead);
    },
    end() {
      stopCollecting();
      for (const each of [sincePoll, behind, pending, dead]) each.set(0);
    },
  };
}
