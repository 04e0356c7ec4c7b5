import type { ChildProcess } from 'node:child_process';
import { order } from '../payload.ts';
import { messageOf, startPinned } from '../processes.ts';
import { has, startCaddy, startHaproxy, startNginxProxy, startUpstream } from './native.ts';

const proxyModule = new URL('./proxy.ts', import.meta.url);
const serverModule = new URL('../http/server.ts', import.meta.url);
const upstreamPort = 43_801;
const echoPort = 43_802;

export interface Target {
  readonly name: string;
  readonly url: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | number;
}

export interface Targets {
  /** What stands behind the proxies, without one. */
  readonly direct: Target;
  readonly small: readonly Target[];
  readonly downloads: readonly Target[];
  readonly uploads: readonly Target[];
  /** A gateway of two versions whose link `moveLink` moves to the other one. */
  readonly versions: Target;
  moveLink(): void;
}

/** Proxies on the first CPU; upstream and load on the second. */
export async function startTargets(largeBytes: number): Promise<Targets> {
  await startUpstream(upstreamPort, 1);
  await messageOf(startPinned(serverModule, ['banyan', String(echoPort)], 1));
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
      ...(path === '/orders' ? { body: JSON.stringify(order) } : undefined),
    });
  }
  const streaming = small.filter(({ name }) =>
    ['nginx', 'haproxy', 'undici', 'banyan, pass-through'].includes(name),
  );
  const versioned = startProxy('versions');
  const { url } = await messageOf<{ url: string }>(versioned);
  return {
    direct: { name: 'direct', url: `http://127.0.0.1:${upstreamPort}/` },
    small,
    downloads: streaming.map(({ name, url }) => ({ name, url: `${url}large` })),
    uploads: streaming.map(({ name, url }) => ({ name, url: `${url}upload`, body: largeBytes })),
    versions: { name: 'banyan, two versions', url: `${url}/menu` },
    moveLink: () => versioned.send('move the link'),
  };
}

const nodeProxies: readonly (readonly [name: string, word: string, path: string])[] = [
  ['undici', 'undici', '/'],
  ['@fastify/http-proxy', 'fastify-http-proxy', '/'],
  ['http-proxy-3', 'http-proxy-3', '/'],
  ['banyan, pass-through', 'pass', '/'],
  ['banyan, token + rate limit + metrics + log', 'full', '/'],
  ['banyan, GET of a service over the lane', 'lane', '/orders/sample'],
  ['banyan, to a service over the lane', 'lane', '/orders'],
  ['banyan, cache hit', 'cache', '/menu'],
  ['banyan, 10 routes', 'routes-10', '/section9/op9/1'],
  ['banyan, 1,000 routes', 'routes-1000', '/section29/op999/1'],
  ['banyan, 10,000 routes', 'routes-10000', '/section8/op9999/1'],
];

function startProxy(word: string): ChildProcess {
  return startPinned(proxyModule, [word, String(upstreamPort), `http://127.0.0.1:${echoPort}`], 0);
}
