/** A process that hosts both services and sends all the time until it is told to stop; it may be killed at any moment. */
import { setTimeout as pause } from 'node:timers/promises';
import { createServiceTokens } from '@banyan/auth';
import { openBroker } from '@banyan/banyan';
import { createClient, createHost } from '@banyan/chassis';
import { silentLogger, systemClock } from '@banyan/core';
import { createMemoryRegistry } from '@banyan/discovery';
import { openPostgresEngines } from '@banyan/postgres';
import { createCallContext } from '@banyan/rpc';
import { createMetrics } from '@banyan/telemetry';
import { createRandom } from '../../support/random.ts';
import { eventChaos, source } from './system.ts';

export interface ChaosHostPlan {
  readonly platformUrl: string;
  readonly serviceUrls: Readonly<Record<string, string>>;
  readonly broker: string | undefined;
  readonly secret: string;
  readonly instance: string;
  readonly seed: number;
  readonly keys: number;
}

const plan = JSON.parse(process.argv[2] ?? '{}') as ChaosHostPlan;
const { platformUrl, serviceUrls, broker, secret, instance, seed, keys } = plan;
const clock = systemClock;
const logger = silentLogger;
let isSending = true;
const leaving = Promise.withResolvers<void>();
process.on('message', (message: 'quiet' | 'leave') => {
  isSending = false;
  if (message === 'leave') leaving.resolve();
});
// The test may be killed, too.
process.on('disconnect', () => process.exit());

const log = await openBroker(broker, { clock, logger });
const engines = await openPostgresEngines({
  platformUrl,
  serviceUrls,
  registry: createMemoryRegistry({ clock }),
  ...(log === undefined ? undefined : { log }),
  clock,
  logger,
});
const host = createHost({
  system: eventChaos,
  parts: ['source', 'sink'],
  engines,
  tokensOf: (service) => createServiceTokens({ key: secret, service, clock }),
  configuration: new Map(),
  dataFolder: '.',
  development: false,
  harsh: false,
  instance,
  internalHost: '127.0.0.1',
  publicHost: '127.0.0.1',
  publicPort: 0,
  clock,
  logger,
  metrics: createMetrics(),
});
await host.start();
process.send?.('ready');

const random = createRandom(seed);
const client = createClient(source, host.endpoint('source', 'sink'), () =>
  createCallContext({ caller: { service: 'sink' }, timeoutMs: 20_000, idempotencyKey: undefined }),
);
const send = async () => {
  while (isSending) {
    try {
      await client.send({ key: `k${Math.floor(random() * keys)}` });
    } catch {
      // A database or broker that is away for a moment is part of the test.
      await pause(50);
    }
  }
};
await Promise.all([send(), send(), send()]);
await leaving.promise;
await host.stop();
await engines.close();
process.exit();
