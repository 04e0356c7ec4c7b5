import { createManualClock } from '@banyan/core/testing';
import { type CloudEvent, createRelay, type EventLog, type RelayOptions } from '@banyan/events';
import { createMemoryEvents } from '@banyan/events/testing';
import { publishedValues } from './scene.ts';

/** An outbox, a log and the relay between them in memory, with a clock that the test moves. */
export function createRelayScene(options: Partial<RelayOptions> = {}) {
  const clock = createManualClock();
  const { log, createOutbox, tx } = createMemoryEvents(clock);
  const outbox = createOutbox();
  const relay = createRelay({
    gatherMs: 0,
    owner: 'orders-1',
    outbox,
    log,
    clock,
    random: () => 1,
    ...options,
  });
  const emit = (...events: CloudEvent[]) =>
    tx(async ({ sql, onCommit }) => {
      await outbox.append(sql, events);
      onCommit(() => relay.poke());
    });
  const published = () => publishedValues(log);
  return { clock, log, outbox, relay, tx, emit, published };
}

/** A log that refuses, hangs or works, as told. */
export function createFlakyLog(log: EventLog) {
  const state = { mode: 'works' as 'works' | 'refuses' | 'hangs', calls: 0 };
  const flaky: EventLog = {
    ...log,
    publish(events) {
      state.calls += 1;
      if (state.mode === 'refuses') return Promise.reject(new Error('log down'));
      return state.mode === 'hangs' ? new Promise(() => {}) : log.publish(events);
    },
  };
  return { flaky, state };
}
