import { randomBytes } from 'node:crypto';
import { contract, event, operation, service, system } from '@banyan/banyan';
import { createClient, type Host } from '@banyan/chassis';
import type { EventLog } from '@banyan/events';
import { type PostgresServiceStore, provisionSystem } from '@banyan/postgres';
import { createCallContext } from '@banyan/rpc';
import { openHost } from '@banyan/testing';
import { z } from 'zod';
import type { CpuMeter } from './cpu-meter.ts';
import { drive, Effects, type Payload } from './driver.ts';
import type { PostgresPair } from './postgres-pair.ts';
import type { EventStack } from './stack.ts';

const PlacedOrder = z.object({ id: z.int(), sentAt: z.number(), key: z.string(), filler: z.string() });
/** Effects of the first consumer of whichever stack runs. */
export const effects = new Effects();

const source = contract('source', {
  version: '1.0.0',
  operations: {
    place: operation('POST /orders', {
      input: z.object({ events: z.array(PlacedOrder), tell: z.boolean(), grouped: z.boolean() }),
      output: z.object({}),
    }),
  },
  events: { placed: event('Placed', { data: PlacedOrder, key: 'key' }) },
});

const migrations = (name: string) => new URL(`./migrations/${name}/`, import.meta.url);

const sourceService = service(source, {
  migrations: migrations('source'),
  operations: {
    async place({ events, tell, grouped }, { tx, groupCommit }) {
      if (grouped) {
        await groupCommit(({ sql, emit }) => {
          for (const each of events) emit('placed', each);
          return [sql`insert into orders (data) values (${sql.json(events[0])})`];
        });
        return {};
      }
      await tx(async ({ sql, emit }) => {
        await sql`insert into orders (data) values (${sql.json(events[0])})`;
        if (!tell) return;
        for (const each of events) emit('placed', each);
      });
      return {};
    },
  },
});

/** Consumers with a database each; the first one is timed. */
function createTarget(index: number) {
  const target = contract(`target${index}`, { version: '1.0.0', operations: {} });
  return service(target, {
    uses: { source },
    migrations: migrations('target'),
    operations: {},
    on: {
      'source.placed': async (data, { sql }) => {
        await sql`insert into ledger (data) values (${sql.json(data)})`;
        if (index === 1) effects.happened(data.sentAt);
      },
    },
  });
}

export interface BanyanStackOptions {
  readonly pair: PostgresPair;
  readonly meter: CpuMeter;
  /** Another log than the built-in one. */
  readonly log?: EventLog;
  readonly consumers?: number;
  /** The same transactions without an event: what the events cost. */
  readonly silent?: boolean;
  /** Closed lists of statements, which share commits. */
  readonly grouped?: boolean;
}

/** Two services (or more) that can be looked at before they run. */
export interface BanyanPair {
  readonly host: Host;
  /** The source's database and outbox, brought up to date, while the host does not run. */
  openSource(): Promise<PostgresServiceStore>;
  close(): Promise<void>;
}

/** Services, engines and host as `banyan up --production` has them in one process. */
export async function createBanyanPair(options: BanyanStackOptions): Promise<BanyanPair> {
  const { pair, log, consumers = 1 } = options;
  effects.clear();
  const targets = Array.from({ length: consumers }, (_, index) => createTarget(index + 1));
  const bench = system('events-bench', { services: [sourceService, ...targets] });
  const parts = bench.services.map((each) => each.name);
  const secret = randomBytes(32).toString('base64url');
  const prefix = `b${randomBytes(4).toString('hex')}_`;
  const urls = await provisionSystem({
    adminUrl: pair.adminUrl,
    system: `bench-${prefix}`,
    prefix,
    services: parts,
    secret,
  });
  const { host, engines, stop } = await openHost({
    system: bench,
    parts,
    urls,
    secret,
    ...(log === undefined ? undefined : { log }),
  });
  return { host, openSource: () => engines.openStore(sourceService), close: stop };
}

/** Operation, transaction, outbox, log, inbox, handler. */
export async function startBanyan(options: BanyanStackOptions): Promise<EventStack> {
  const { meter, silent = false, grouped = false } = options;
  const { host, close } = await createBanyanPair(options);
  await host.start();
  const client = createClient(source, host.endpoint('source', 'target1'), () =>
    createCallContext({ caller: { service: 'target1' }, timeoutMs: 60_000, idempotencyKey: undefined }),
  );
  return {
    run: (load) =>
      drive(load, {
        effects,
        meter,
        async send(events: readonly Payload[]) {
          await client.place({ events: [...events], tell: !silent, grouped });
          if (silent) for (const each of events) effects.happened(each.sentAt);
        },
      }),
    stop: close,
  };
}
