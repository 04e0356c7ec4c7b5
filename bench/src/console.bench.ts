import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createConsoleServer, otlpRoutes, telemetryHandlers } from '@banyan/console-api';
import { silentLogger, systemClock } from '@banyan/core';
import { createEmbeddedServer } from '@banyan/postgres';
import { createTelemetryStore, type TelemetryStore } from '@banyan/telemetry-store';
import { givenTelemetry } from './console/given-telemetry.ts';
import { type BenchResult, type CaseResult, summarise } from './harness.ts';

interface Sent {
  readonly sent: number;
  readonly failed: number;
  readonly tookMs: number;
}

const itemsAtOnce = 4_000;

/** Ingest at rising rates, and searches in a full store: over HTTP, as senders and pages do. */
export async function run(quick: boolean): Promise<BenchResult> {
  const sizes = quick ? { spans: 100_000, lines: 250_000 } : { spans: 1_000_000, lines: 5_000_000 };
  const { store, url, stop } = await startConsole();
  try {
    const notes: string[] = [];
    const cases: CaseResult[] = [];
    for (const rate of quick ? [20_000, 40_000] : [10_000, 20_000, 40_000, 80_000])
      cases.push(...(await measureIngest(store, url, { rate, seconds: quick ? 4 : 15, notes })));
    const fill = await fillStore(store, sizes);
    cases.push(summarise('fill: items stored', '/s', [fill]));
    const { bytes } = await store.state();
    notes.push(
      `${sizes.spans} spans and ${sizes.lines} lines take about ${Math.round(bytes / 1024 ** 2)} MB.`,
    );
    for (const [name, queries] of searches())
      cases.push(...(await measureSearch(url, { name, queries, rounds: quick ? 8 : 60 })));
    notes.push(
      'Bars: 20,000 spans/s without loss, searches with p95 < 300 ms at 1,000,000 spans and 5,000,000 lines.',
    );
    return { cases, ratios: {}, notes };
  } finally {
    await stop();
  }
}

async function startConsole() {
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
    operations: {},
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
  const lost = shed - before.shed + sent.failed;
  const note = `${rate} spans/s asked for: ${Math.round((sent.sent * 1_000) / sent.tookMs)} sent, ${stored - before.stored} of ${sent.sent} stored, ${shed - before.shed} shed, ${sent.failed} refused for now (written ${tookSeconds.toFixed(1)} s after the start).`;
  console.error(note);
  notes.push(note);
  return [summarise(`ingest at ${rate} spans/s: lost`, '%', [(lost / sent.sent) * 100])];
}

/** By the store's own door, as fast as it takes them. @returns items per second */
async function fillStore(
  store: TelemetryStore,
  { spans, lines }: { readonly spans: number; readonly lines: number },
): Promise<number> {
  const given = givenTelemetry(7);
  const beganMs = Date.now();
  let storingMs = 0;
  const rounds = Math.ceil(Math.max(spans, lines) / itemsAtOnce);
  for (let round = 0; round < rounds; round += 1) {
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
  }
  return ((spans + lines) * 1_000) / storingMs;
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
}

async function measureSearch(
  url: string,
  { name, queries, rounds }: Searching,
): Promise<readonly CaseResult[]> {
  const all: number[] = [];
  const slowest: { query: string; ms: number }[] = [];
  for (let round = 0; round < rounds; round += 1) {
    for (const query of queries) {
      const text = query(round);
      const before = performance.now();
      const answer = await fetch(`${url}/api/${text}`);
      await answer.arrayBuffer();
      if (!answer.ok) throw new Error(`${text}: ${answer.status}`);
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
  const sorted = all.toSorted((a, b) => a - b);
  return [
    summarise(`${name}, p50`, 'ms', [sorted[Math.floor(all.length * 0.5)] ?? Number.NaN]),
    summarise(`${name}, p95`, 'ms', [sorted[Math.floor(all.length * 0.95)] ?? Number.NaN]),
  ];
}
