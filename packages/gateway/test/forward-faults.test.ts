import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { forward } from '@banyan/gateway';
import { createMetrics } from '@banyan/telemetry';
import { ok } from './support/around.ts';
import { exchangeRaw, openRaw, readToEnd, runShop } from './support/running-shop.ts';
import { runRawUpstream, runUpstream } from './support/upstream.ts';

test('what an upstream fails at becomes problem details without its names', async (t) => {
  const answers: Readonly<Record<string, string>> = {
    nonsense: 'hello\r\n\r\n',
    'a length and chunks':
      'HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
    'a head without end': `HTTP/1.1 200 OK\r\nX: ${'a'.repeat(40_000)}`,
  };
  const upstream = await runRawUpstream(
    t,
    (head) => answers[decodeURIComponent(/\?(.*) HTTP/.exec(head)?.[1] ?? '')],
  );
  const shop = await runShop(t, {
    gateway: {
      forward: [
        forward('/broken', { to: upstream.url, access: 'anyone', timeoutMs: 200 }),
        forward('/away', { to: 'http://127.0.0.1:1', access: 'anyone' }),
      ],
    },
  });
  for (const what of Object.keys(answers)) {
    const answer = await fetch(`${shop.url}/broken?${encodeURIComponent(what)}`);
    const problem = await answer.text();
    assert.equal(answer.status, 502, what);
    assert.match(problem, /"reason":"upstream_invalid_answer"/, what);
    assert.doesNotMatch(problem, /127\.0\.0\.1/);
  }
  const silent = await fetch(`${shop.url}/broken?silence`);
  assert.equal(silent.status, 504);
  assert.match(await silent.text(), /"reason":"upstream_timeout"/);
  const away = await fetch(`${shop.url}/away`);
  assert.equal(away.status, 502);
  assert.match(await away.text(), /"reason":"upstream_unreachable"/);
  assert(
    shop.log.some((line) => line.message === 'upstream failed' && line.fields['upstream'] === '127.0.0.1:1'),
  );
});

test('repeats on another upstream what may be repeated, and nothing else', async (t) => {
  const broken = await runRawUpstream(t, (_head, socket) => void socket.destroy());
  const good = await runRawUpstream(t, () => ok);
  const { url } = await runShop(t, {
    gateway: { forward: [forward('/x', { to: [broken.url, good.url], access: 'anyone' })] },
  });
  const statuses = { GET: new Set<number>(), POST: new Set<number>() };
  for (let round = 0; round < 15; round += 1) {
    for (const method of ['GET', 'POST'] as const) {
      const answer = await fetch(`${url}/x`, { method, ...(method === 'POST' ? { body: 'x' } : undefined) });
      await answer.text();
      statuses[method].add(answer.status);
    }
    if (broken.heads() >= 4) break;
  }
  assert.deepEqual([...statuses.GET], [200]);
  assert(statuses.POST.has(502), 'a POST that was broken off is not repeated');
});

test('a connection that the upstream closes while it is idle costs no request', async (t) => {
  const upstream = await runRawUpstream(t, (_head, socket) => {
    socket.write(ok);
    setTimeout(() => socket.destroy(), 1);
    return undefined;
  });
  const { url } = await runShop(t, {
    gateway: { forward: [forward('/x', { to: upstream.url, access: 'anyone' })] },
  });
  for (let round = 0; round < 30; round += 1) {
    assert.equal(await (await fetch(`${url}/x`)).text(), 'ok');
    await new Promise((resolve) => setTimeout(resolve, round % 3));
  }
});

test('a request that was not sent yet when its idle connection broke is sent on another, whatever its method', async (t) => {
  const upstream = await runRawUpstream(t, () => ok);
  const { port } = await runShop(t, {
    gateway: { forward: [forward('/x', { to: upstream.url, access: 'anyone' })] },
  });
  for (const end of ['resetAndDestroy', 'end'] as const) {
    const client = openRaw(port);
    const answer = readToEnd(client);
    client.write('GET /x HTTP/1.1\r\nHost: shop\r\n\r\n');
    await once(client, 'data');
    // Both arrive in one turn of the event loop, the request first.
    client.write('POST /x HTTP/1.1\r\nHost: shop\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello');
    upstream.sockets.at(-1)?.[end]();
    assert.deepEqual((await answer).match(/HTTP\/1\.1 \d+/g), ['HTTP/1.1 200', 'HTTP/1.1 200']);
  }
});

test('the breaker of an upstream that fails keeps requests away from it, and lets them back', async (t) => {
  let works = false;
  const upstream = await runUpstream(t, (_request, response) =>
    response.writeHead(works ? 200 : 503).end('x'),
  );
  let nowMs = 1_000_000;
  const clock = { nowMs: () => nowMs, setTimer: () => () => undefined };
  const metrics = createMetrics();
  const { url } = await runShop(t, {
    edge: { clock, metrics },
    gateway: { forward: [forward('/x', { to: upstream.url, access: 'anyone' })] },
  });
  const ask = async () => (await fetch(`${url}/x`)).text();
  for (let round = 0; round < 20; round += 1) assert.equal(await ask(), 'x');
  assert.match(await ask(), /"reason":"circuit_open"/);
  assert.equal(upstream.requests.length, 20);
  works = true;
  nowMs += 5_001;
  assert.equal(await ask(), 'x');
  assert.match(
    metrics.render(),
    /banyan_gateway_upstream_circuit_transitions_total\{route="\/x",upstream="127\.0\.0\.1:\d+",to="open"\} 1/,
  );
  assert.match(
    metrics.render(),
    /banyan_gateway_forwarded_total\{route="\/x",upstream="127\.0\.0\.1:\d+",outcome="answered"\} 21/,
  );
});

test('an early answer reaches the client, and the connection it came on is not used again', async (t) => {
  const upstream = await runRawUpstream(t, (head, socket) => {
    if (head.startsWith('GET')) return ok;
    socket.end();
    return undefined;
  });
  // Answers as soon as a connection is there, whatever the body does.
  const eager = await runUpstream(t, (_request, response) => void response.writeHead(413).end('no'));
  const { port } = await runShop(t, {
    gateway: {
      forward: [
        forward('/x', { to: upstream.url, access: 'anyone' }),
        forward('/eager', { to: eager.url, access: 'anyone' }),
      ],
    },
  });
  const socket = openRaw(port);
  const answer = readToEnd(socket);
  socket.write('POST /eager HTTP/1.1\r\nHost: shop\r\nContent-Length: 100000\r\n\r\nfirst part');
  await once(socket, 'data');
  socket.write(`${'b'.repeat(99_990)}GET /x HTTP/1.1\r\nHost: shop\r\nConnection: close\r\n\r\n`);
  const all = await answer;
  assert.deepEqual(
    [...all.matchAll(/HTTP\/1\.1 (\d+)/g)].map((match) => match[1]),
    ['413', '200'],
  );
  assert.equal(upstream.heads(), 1);
});

test('limits a body by its announced and by its real length', async (t) => {
  const upstream = await runUpstream(
    t,
    (incoming, response) => void incoming.resume().on('end', () => response.end('ok')),
  );
  const { port, url } = await runShop(t, {
    gateway: { forward: [forward('/x', { to: upstream.url, access: 'anyone', maxBodyBytes: 1_000 })] },
  });
  const announced = await fetch(`${url}/x`, { method: 'POST', body: 'a'.repeat(1_001) });
  assert.equal(announced.status, 413);
  assert.equal(upstream.requests.length, 0);
  const chunked = await exchangeRaw(
    port,
    `POST /x HTTP/1.1\r\nHost: shop\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n3e9\r\n${'a'.repeat(1_001)}\r\n0\r\n\r\n`,
  );
  assert.match(chunked, /^HTTP\/1\.1 413 /);
  assert.equal((await fetch(`${url}/x`, { method: 'POST', body: 'a'.repeat(1_000) })).status, 200);
});
