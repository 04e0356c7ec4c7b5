import type { ChildProcess } from 'node:child_process';
import {
  has,
  largeBytes,
  startCaddy,
  startHaproxy,
  startNginxProxy,
  startUpstream,
} from './gateway/native.ts';
import { load } from './gateway/wrk.ts';
import { type BenchCase, type BenchResult, interleave, ratio } from './harness.ts';
import { order } from './payload.ts';
import { messageOf, startPinned } from './processes.ts';

const proxyModule = new URL('./gateway/proxy.ts', import.meta.url);
const serverModule = new URL('./http/server.ts', import.meta.url);
const upstreamPort = 43_801;
const echoPort = 43_802;

interface Target {
  readonly name: string;
  readonly url: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

/** Proxies on the first CPU, one after the other; upstream and load on the second. Each stack has the machine for its round. */
export async function run(quick: boolean): Promise<BenchResult> {
  const seconds = quick ? 1 : 4;
  const rounds = quick ? 1 : 3;
  await startUpstream(upstreamPort, 1);
  const echoServer = startPinned(serverModule, ['banyan', String(echoPort)], 1);
  await messageOf(echoServer);
  const [small, large] = await startTargets();
  const rates = small.map(
    (target): BenchCase => ({
      name: target.name,
      unit: 'requests/s',
      round: async () => (await load(target.url, { ...target, seconds, connections: 64 })).requestsPerSecond,
    }),
  );
  const downloads = large.map(
    (target): BenchCase => ({
      name: `${target.name}, 10 MB`,
      unit: 'MB/s',
      round: async () =>
        ((await load(target.url, { seconds, connections: 4 })).requestsPerSecond * largeBytes) / 1_000_000,
    }),
  );
  const cases = await interleave([...rates, ...downloads], rounds);
  const peers = small.map(({ name }) => name).filter((name) => !name.startsWith('banyan'));
  return {
    cases,
    ratios: {
      ...Object.fromEntries(
        peers.map((peer) => [`banyan, pass-through/${peer}`, ratio(cases, 'banyan, pass-through', peer)]),
      ),
      'banyan, token + rate limit + metrics + log/nginx': ratio(
        cases,
        'banyan, token + rate limit + metrics + log',
        'nginx',
      ),
      'banyan, to a service over the lane/nginx': ratio(cases, 'banyan, to a service over the lane', 'nginx'),
      'banyan, cache hit/nginx': ratio(cases, 'banyan, cache hit', 'nginx'),
      'banyan, 10 MB/nginx': ratio(cases, 'banyan, pass-through, 10 MB', 'nginx, 10 MB'),
      '10,000 routes/10 routes': ratio(cases, 'banyan, 10,000 routes', 'banyan, 10 routes'),
    },
    notes: [
      'Proxy on one CPU; upstream (nginx) and wrk with 64 connections on the other, which is the slower side for the fastest proxies.',
      'nginx, HAProxy and Caddy are Debian’s; those that are not installed are left out.',
      'Over the lane a service checks and answers 200 bytes of JSON by POST; peers and pass-through are GET of the same JSON.',
      'Bars: pass-through 0.5 × nginx, over the lane 0.8 ×, with all functions 0.4 ×, 10 MB 0.7 ×.',
    ],
  };
}

async function startTargets(): Promise<readonly [small: readonly Target[], large: readonly Target[]]> {
  const natives = [
    { name: 'nginx', port: 43_803, start: startNginxProxy },
    { name: 'haproxy', port: 43_804, start: startHaproxy },
    { name: 'caddy', port: 43_805, start: startCaddy },
  ].filter(({ name }) => has(name));
  const small: Target[] = [];
  for (const { name, port, start } of natives) {
    await start(port, upstreamPort);
    small.push({ name, url: `http://127.0.0.1:${port}/` });
  }
  for (const [name, word, path] of nodeProxies) {
    const { url, headers } = await messageOf<{ url: string; headers: Record<string, string> }>(
      startProxy(word),
    );
    small.push({
      name,
      url: `${url}${path}`,
      headers,
      ...(word === 'lane' ? { body: JSON.stringify(order) } : undefined),
    });
  }
  const large = small
    .filter(({ name }) => ['nginx', 'haproxy', 'undici', 'banyan, pass-through'].includes(name))
    .map(({ name, url }) => ({ name, url: `${url}large` }));
  return [small, large];
}

const nodeProxies: readonly (readonly [name: string, word: string, path: string])[] = [
  ['undici', 'undici', '/'],
  ['@fastify/http-proxy', 'fastify-http-proxy', '/'],
  ['http-proxy-3', 'http-proxy-3', '/'],
  ['banyan, pass-through', 'pass', '/'],
  ['banyan, token + rate limit + metrics + log', 'full', '/'],
  ['banyan, to a service over the lane', 'lane', '/orders'],
  ['banyan, cache hit', 'cache', '/menu'],
  ['banyan, 10 routes', 'routes-10', '/section9/op9/1'],
  ['banyan, 1,000 routes', 'routes-1000', '/section29/op999/1'],
  ['banyan, 10,000 routes', 'routes-10000', '/section8/op9999/1'],
];

function startProxy(word: string): ChildProcess {
  return startPinned(proxyModule, [word, String(upstreamPort), `http://127.0.0.1:${echoPort}`], 0);
}
