import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { createConsoleServer, otlpRoutes, telemetryHandlers } from '@banyan/console-api';
import { silentLogger, systemClock } from '@banyan/core';
import { createEmbeddedServer } from '@banyan/postgres';
import { createTelemetryStore, type TelemetryStore } from '@banyan/telemetry-store';
import { buildConsole } from '../../apps/console/build.ts';
import { barNote } from './bars.ts';
import { type BigSystem, bigSystem } from './console/big-system.ts';
import { givenTelemetry } from './console/given-telemetry.ts';
import { measurePage } from './console/page.ts';
import { type BenchResult, type CaseResult, summarise } from './harness.ts';

interface Sent {
  readonly sent: number;
  readonly failed: number;
  readonly tookMs: number;
}

const itemsAtOnce = 4_000;

const services = 200;
const promisedRate = 20_000;
const fullSizes = { spans: 1_000_000, lines: 5_000_000 } as const;
/** So that all of it takes less than ten minutes, also on a machine that is slow today. */
const fillAtMostMs = 330_000;

/** Ingest at rising rates, searches in a full store, and its pages in Chromium: over HTTP, as senders and pages do. */
export async function run(quick: boolean): Promise<BenchResult> {
  const sizes = quick ? { spans: 100_000, lines: 250_000 } : fullSizes;
  const big = bigSystem(services);
  const { store, url, stop } = await startConsole(big);
  try {
    const notes: string[] = [];
    const cases: CaseResult[] = [];
    for (const rate of quick ? [promisedRate, 40_000] : [promisedRate, 40_000, 80_000])
      cases.push(...(await measureIngest(store, url, { rate, seconds: quick ? 4 : 10, notes })));
    const fill = await fillStore(store, sizes);
    cases.push(summarise('fill: items stored', '/s', [fill.perSecond]));
    const { bytes } = await store.state();
    notes.push(`${fill.spans} spans and ${fill.lines} lines take about ${Math.round(bytes / 1024 ** 2)} MB.`);
    for (const [name, queries] of searches())
      cases.push(...(await measureSearch(url, { name, queries, rounds: quick ? 8 : 30, notes })));
    const page = await measureLive(store, url, { big, quick });
    cases.push(...(page?.cases ?? []));
    if (page === undefined) notes.push('No Chromium here: pages are not measured.');
    return {
      cases,
      ratios: {},
      notes: [
        ...notes,
        ...barsOf(cases, { page, isWhole: fill.spans >= fullSizes.spans && fill.lines >= fullSizes.lines }),
      ],
    };
  } finally {
    await stop();
  }
}

/** Pages while telemetry of every service comes twice a second. */
async function measureLive(
  store: TelemetryStore,
  url: string,
  { big, quick }: { readonly big: BigSystem; readonly quick: boolean },
) {
  const tell = () => void store.receive('spans', big.spans(Date.now()));
  tell();
  const telling = setInterval(tell, 500);
  try {
    return await measurePage(url, { rounds: quick ? 3 : 9, seconds: quick ? 4 : 15, services });
  } finally {
    clearInterval(telling);
  }
}

function barsOf(
  cases: readonly CaseResult[],
  { page, isWhole }: { readonly page: Awaited<ReturnType<typeof measurePage>>; readonly isWhole: boolean },
): readonly string[] {
  const of = (name: string) => cases.find((each) => each.name === name)?.median ?? Number.NaN;
  const p95 = (name: string) => ({ measured: of(`${name}, p95`), atMost: 300, unit: 'ms' });
  const { interactiveMs = Number.NaN, framesPerSecond = Number.NaN } = page ?? {};
  return [
    ...(isWhole ? [] : ['Searched in fewer spans and lines than the bars are for.']),
    barNote({
      what: `lost at ${promisedRate} spans/s`,
      measured: of(lossAt(promisedRate)),
      atMost: 0,
      unit: '%',
    }),
    barNote({ what: 'trace search, p95', ...p95('trace search') }),
    barNote({ what: 'log search, p95', ...p95('log search') }),
    barNote({ what: 'page interactive', measured: interactiveMs, atMost: 1_000, unit: 'ms' }),
    // A timer of the browser that is a hair late is no frame lost.
    barNote({
      what: 'time of a frame of the live map',
      measured: 1_000 / framesPerSecond,
      atMost: 16.8,
      unit: 'ms',
    }),
  ];
}

function lossAt(rate: number): string {
  return `ingest at ${rate} spans/s: lost`;
}

async function startConsole({ services: shown }: BigSystem) {
  const folder = await mkdtemp(join(tmpdir(), 'banyan-bench-console-'));
  const postgres = createEmbeddedServer({ dataDir: join(folder, 'postgres'), logger: silentLogger });
  const { adminUrl } = await postgres.start();
  const store = createTelemetryStore({
    url: adminUrl,
    maxBytes: 8 * 1024 ** 3,
    clock: systemClock,
    logger: silentLogger,
  });
  await store.start();
  const server = createConsoleServer({
    host: '127.0.0.1',
    port: 0,
    access: { kind: 'loopback' },
    version: '0.0.0',
    telemetry: telemetryHandlers(store, systemClock.nowMs),
    operations: {
      getSystem: async (_, { by }) => ({
        ...{ name: 'big', version: '0.0.0', development: true, by },
        services: shown.map((each) => ({ ...each, ...lists(each) })),
      }),
    },
    site: pathToFileURL(`${await buildConsole()}/`),
    routes: otlpRoutes(store, silentLogger),
    logger: silentLogger,
  });
  const url = await server.start();
  return {
    store,
    url,
    async stop() {
      await server.stop();
      await store.stop();
      await postgres.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** As the API has them: not readonly. */
function lists({ instances, calls, listensTo }: BigSystem['services'][number]) {
  return { instances: [...instances], breakers: [], calls: [...calls], listensTo: [...listensTo] };
}

interface Ingest {
  readonly rate: number;
  readonly seconds: number;
  readonly notes: string[];
}

async function measureIngest(
  store: TelemetryStore,
  url: string,
  { rate, seconds, notes }: Ingest,
): Promise<readonly CaseResult[]> {
  const before = (await store.state()).signals.spans;
  const beganMs = performance.now();
  const sender = fork(new URL('./console/sender.ts', import.meta.url), [url, String(rate), String(seconds)]);
  const [sent] = (await once(sender, 'message')) as [Sent];
  await store.flush();
  const tookSeconds = (performance.now() - beganMs) / 1_000;
  const { stored, shed } = (await store.state()).signals.spans;
  // What was refused for now is in neither: a sender would send it again.
  const lost = sent.sent - (stored - before.stored);
  const note = `${rate} spans/s asked for: ${Math.round((sent.sent * 1_000) / sent.tookMs)} sent, ${stored - before.stored} of ${sent.sent} stored, ${shed - before.shed} shed, ${sent.failed} refused for now (written ${tookSeconds.toFixed(1)} s after the start).`;
  console.error(note);
  notes.push(note);
  return [summarise(lossAt(rate), '%', [(lost / sent.sent) * 100])];
}

/** By the store's own door, as fast as it takes them, for some minutes at most. @returns what it has then */
async function fillStore(
  store: TelemetryStore,
  { spans, lines }: { readonly spans: number; readonly lines: number },
): Promise<{ readonly perSecond: number; readonly spans: number; readonly lines: number }> {
  const given = givenTelemetry(7);
  const beganMs = Date.now();
  let storingMs = 0;
  const rounds = Math.ceil(Math.max(spans, lines) / itemsAtOnce);
  let filled = 0;
  for (let round = 0; round < rounds && Date.now() - beganMs < fillAtMostMs; round += 1) {
    filled = round + 1;
    // As if it had come over the last hour.
    const endMs = beganMs - 3_500_000 + Math.floor((round / rounds) * 3_400_000);
    const requests = [
      ['spans', given.spans(Math.round(spans / rounds), endMs)],
      ['logs', given.lines(Math.round(lines / rounds), endMs)],
    ] as const;
    const before = performance.now();
    for (const [signal, request] of requests) store.receive(signal, request);
    await store.flush();
    storingMs += performance.now() - before;
    if ((round + 1) % Math.ceil(rounds / 10) === 0)
      console.error(
        `filled ${round + 1} of ${rounds} parts after ${Math.round((Date.now() - beganMs) / 1_000)} s`,
      );
  }
  const share = filled / rounds;
  return {
    perSecond: ((spans + lines) * share * 1_000) / storingMs,
    spans: Math.round(spans * share),
    lines: Math.round(lines * share),
  };
}

type Query = (round: number) => string;

function searches(): readonly (readonly [string, readonly Query[]])[] {
  return [
    [
      'trace search',
      [
        () => 'traces?limit=20',
        (round) => `traces?service=service-${round % 12}`,
        (round) => `traces?service=service-${round % 12}&operation=pay&errorsOnly=true`,
        () => 'traces?minDurationMs=1500',
        (round) => `traces?attribute=order.id%3Do-${(round * 7_919) % 1_000_000}`,
        (round) => `traces?attribute=enduser.id%3Du-${(round * 7_919) % 20_000}`,
        () => 'traces?text=declined',
        () => 'traces?text=nowhere',
      ],
    ],
    [
      'log search',
      [
        () => 'logs?limit=50',
        (round) => `logs?service=service-${round % 12}&level=error`,
        (round) => `logs?text=${(round * 7_919) % 1_000_000}`,
        () => 'logs?text=payment%20label%20-store',
        () => 'logs?text=%22good%20time%20and%22',
        (round) => `logs?traceId=${String(round).padStart(32, 'a')}`,
        () => 'logs?text=nowhere',
      ],
    ],
    ['map of an hour', [() => 'map']],
    ['operations of an hour', [() => 'operations']],
  ];
}

interface Searching {
  readonly name: string;
  readonly queries: readonly Query[];
  readonly rounds: number;
  readonly notes: string[];
}

async function measureSearch(
  url: string,
  { name, queries, rounds, notes }: Searching,
): Promise<readonly CaseResult[]> {
  const all: number[] = [];
  const slowest: { query: string; ms: number }[] = [];
  let stopped = 0;
  for (let round = 0; round < rounds; round += 1) {
    for (const query of queries) {
      const text = query(round);
      const before = performance.now();
      const answer = await fetch(`${url}/api/${text}`);
      const found = (await answer.json()) as object;
      if (!answer.ok) throw new Error(`${text}: ${answer.status}`);
      if ('searchedTo' in found) stopped += 1;
      const ms = performance.now() - before;
      all.push(ms);
      slowest.push({ query: text, ms });
    }
  }
  slowest.sort((a, b) => b.ms - a.ms);
  console.error(
    `${name}: slowest ${slowest
      .slice(0, 3)
      .map(({ query, ms }) => `${query} ${ms.toFixed(0)} ms`)
      .join(', ')}`,
  );
  if (stopped > 0) notes.push(`${name}: ${stopped} of ${all.length} answers stopped before their end.`);
  const sorted = all.toSorted((a, b) => a - b);
  return [
    summarise(`${name}, p50`, 'ms', [sorted[Math.floor(all.length * 0.5)] ?? Number.NaN]),
    summarise(`${name}, p95`, 'ms', [sorted[Math.floor(all.length * 0.95)] ?? Number.NaN]),
  ];
}
