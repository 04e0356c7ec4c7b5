import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Form } from './product.ts';

/** One proxy on Node in a process of its own, in front of the upstream at the given port. Tells its parent where, and which headers it wants. */
const [name = '', upstreamPort = '0', echoAddress = ''] = process.argv.slice(2);
const upstream = `http://127.0.0.1:${upstreamPort}`;
const peers: Readonly<Record<string, () => Promise<number>>> = {
  undici: startUndici,
  'fastify-http-proxy': startFastify,
  'http-proxy-3': startHttpProxy,
};
const started = await peers[name]?.();
if (started === undefined) {
  const { startGateway } = await import('./product.ts');
  const { url, headers, moveLink } = await startGateway(name as Form, { url: upstream, echoAddress });
  process.on('message', () => void moveLink());
  process.send?.({ url, headers });
} else process.send?.({ url: `http://127.0.0.1:${started}`, headers: {} });
process.on('disconnect', () => process.exit(0));

async function startUndici(): Promise<number> {
  const { Pool } = await import('undici');
  const pool = new Pool(upstream, { connections: 64 });
  const server = createServer((request, response) => {
    const headers: string[] = [];
    pool.dispatch(
      {
        method: (request.method ?? 'GET') as 'GET',
        path: request.url ?? '/',
        headers: request.headers,
        body: request.method === 'POST' ? request : null,
      },
      {
        onRequestStart() {},
        onResponseStart(controller, status, _headers) {
          for (const [field, value] of Object.entries(_headers)) headers.push(field, String(value));
          response.writeHead(status, headers);
          response.on('drain', () => controller.resume());
        },
        onResponseData(controller, chunk) {
          if (!response.write(chunk)) controller.pause();
        },
        onResponseEnd() {
          response.end();
        },
        onResponseError() {
          response.destroy();
        },
      },
    );
  }).listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  return (server.address() as AddressInfo).port;
}

async function startFastify(): Promise<number> {
  const { fastify } = await import('fastify');
  const { default: proxy } = await import('@fastify/http-proxy');
  const app = fastify();
  await app.register(proxy, { upstream });
  await app.listen({ host: '127.0.0.1', port: 0 });
  return (app.server.address() as AddressInfo).port;
}

async function startHttpProxy(): Promise<number> {
  const { createProxyServer } = await import('http-proxy-3');
  const { Agent } = await import('node:http');
  const proxy = createProxyServer({ target: upstream, agent: new Agent({ keepAlive: true }) });
  const server = createServer((request, response) => proxy.web(request, response)).listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  return (server.address() as AddressInfo).port;
}
