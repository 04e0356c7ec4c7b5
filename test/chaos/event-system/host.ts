/** A process that hosts services of the system and sends all the time until it is told to stop; it may be killed at any moment. */
import { once } from 'node:events';
import { setTimeout as pause } from 'node:timers/promises';
import { openBroker } from '@banyan/banyan';
import { createClient } from '@banyan/chassis';
import { isServiceError, silentLogger, systemClock } from '@banyan/core';
import { createCallContext } from '@banyan/rpc';
import { createMetrics } from '@banyan/telemetry';
import { openHost } from '@banyan/testing';
import { createRandom } from '../../support/random.ts';
import { eventChaos, source } from './system.ts';

export interface ChaosHostPlan {
  readonly platformUrl: string;
  readonly serviceUrls: Readonly<Record<string, string>>;
  readonly outboxUrls: Readonly<Record<string, string>>;
  readonly broker: string | undefined;
  readonly secret: string;
  readonly instance: string;
  /** Of `source` and `sink`. */
  readonly parts: readonly string[];
  readonly seed: number;
  readonly keys: number;
  /** Each of three senders waits up to this long between two items. */
  readonly paceMs: number;
}

/** `quiet`: no more items. `leave`: finish and end. `metrics`: send what a scraper would get. */
export type ChaosHostOrder = 'quiet' | 'leave' | 'metrics';

// The test may be killed, too.
process.on('disconnect', () => process.exit());
// Loaded beforehand, so that who takes a dead process's place need not load first.
process.send?.('loaded');
const [message] = (await once(process, 'message')) as [ChaosHostPlan];
const { platformUrl, serviceUrls, outboxUrls, broker, secret, instance, parts, seed, keys, paceMs } = message;

const metrics = createMetrics();
let isSending = parts.includes('source');
const leaving = Promise.withResolvers<void>();
process.on('message', (order: ChaosHostOrder) => {
  if (order === 'metrics') return process.send?.({ metrics: metrics.render() });
  isSending = false;
  if (order === 'leave') leaving.resolve();
  return undefined;
});

const { host, stop } = await untilAvailable(async () => {
  const log = await openBroker(broker, { clock: systemClock, logger: silentLogger });
  return openHost({
    system: eventChaos,
    parts,
    urls: broker === undefined ? { platformUrl, serviceUrls, outboxUrls } : { platformUrl, serviceUrls },
    secret,
    ...(log === undefined ? undefined : { log }),
    instance,
    metrics,
  });
});
await host.start();
process.send?.('ready');

const random = createRandom(seed);
const send = async () => {
  if (!isSending) return;
  const client = createClient(source, host.endpoint('source', 'sink'), () =>
    createCallContext({ caller: { service: 'sink' }, timeoutMs: 20_000, idempotencyKey: undefined }),
  );
  while (isSending) {
    try {
      await client.send({ key: `k${Math.floor(random() * keys)}` });
      if (paceMs > 0) await pause(random() * paceMs);
    } catch {
      // A database or broker that is away for a moment is part of the test.
      await pause(50);
    }
  }
};
await Promise.all([send(), send(), send()]);
await leaving.promise;
await stop();
process.exit();

/** As a supervisor would start the process again until what it needs is there. */
async function untilAvailable<Value>(open: () => Promise<Value>): Promise<Value> {
  for (;;) {
    try {
      return await open();
    } catch (error) {
      if (!isServiceError(error) || error.code !== 'unavailable') throw error;
      await pause(100);
    }
  }
}
