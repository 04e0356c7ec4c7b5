import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { type TestContext, test } from 'node:test';
import { forward } from '@banyan/gateway';
import { createRandom, seed } from '@banyan/test-support/random';
import { exchangeRaw, runShop } from './support/running-shop.ts';

const runs = Number(process.env['BANYAN_RUNS'] ?? 400);

/** Pieces that parsers are known to disagree about. */
const pieces = [
  '\r\n', '\n', '\r', ' ', '\t', '\0', '\x0b', ':', ';', ',', '0', '3', 'ff', '0x', '+', '-', '\r\n\r\n', '0\r\n\r\n', 'chunked', 'identity',
  'Content-Length: 3\r\n', 'Content-Length: 0\r\n', 'Transfer-Encoding: chunked\r\n', 'Transfer-Encoding: x\r\n', 'Host: b\r\n', 'Expect: 100-continue\r\n',
  'Connection: close\r\n', 'Connection: content-length\r\n', 'Upgrade: h2c\r\n', 'GET /up/x HTTP/1.1\r\n', 'HTTP/1.1', 'HTTP/1.0', '/../', '%2e', '%2f', '\\', '\xe9',
]; // biome-ignore format: one table

const requests = [
  'GET /up/a HTTP/1.1\r\nHost: shop\r\n\r\n',
  'POST /up/b HTTP/1.1\r\nHost: shop\r\nContent-Length: 3\r\n\r\nabc',
  'POST /up/c HTTP/1.1\r\nHost: shop\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n',
  'HEAD /up/d HTTP/1.1\r\nHost: shop\r\nX-A: 1\r\n\r\n',
];

function mutated(text: string, random: () => number): string {
  let result = text;
  for (let change = Math.floor(random() * 4); change > 0; change -= 1) {
    const at = Math.floor(random() * result.length);
    const piece = pieces[Math.floor(random() * pieces.length)] ?? '';
    const removed = Math.floor(random() * 3);
    result = result.slice(0, at) + piece + result.slice(at + removed);
  }
  return result;
}

/**
 * Reads what the gateway sends as the strictest reader would: each request has one spelling there. Anything else fails the test.
 * @returns the number of whole requests
 */
function countStrictly(bytes: string): { readonly whole: number; readonly problem: string | undefined } {
  let rest = bytes;
  for (let whole = 0; ; whole += 1) {
    if (rest === '') return { whole, problem: undefined };
    const end = rest.indexOf('\r\n\r\n');
    if (end < 0) return { whole, problem: undefined };
    const lines = rest.slice(0, end).split('\r\n');
    if (!/^(GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS) \/[\x21-\x7e]* HTTP\/1\.1$/.test(lines[0] ?? ''))
      return { whole, problem: `request line ${JSON.stringify(lines[0])}` };
    const framing: string[] = [];
    for (const line of lines.slice(1)) {
      const field = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+): ?([\t\x20-\x7e\x80-\xff]*)$/.exec(line);
      if (field === null) return { whole, problem: `field ${JSON.stringify(line)}` };
      const name = (field[1] ?? '').toLowerCase();
      if (name === 'content-length' || name === 'transfer-encoding') framing.push(`${name}: ${field[2]}`);
      if (['connection', 'upgrade', 'te', 'expect', 'trailer'].includes(name))
        return { whole, problem: `field ${name}` };
    }
    if (framing.length > 1) return { whole, problem: `framing ${framing.join()}` };
    rest = rest.slice(end + 4);
    const [how = ''] = framing;
    if (how === '') continue;
    if (how === 'transfer-encoding: chunked') {
      const body = /^(?:[0-9a-f]+\r\n[\s\S]*?\r\n)*?0\r\n\r\n/.exec(rest);
      if (body === null) return { whole, problem: undefined };
      rest = rest.slice(body[0].length);
      continue;
    }
    const length = /^content-length: (\d+)$/.exec(how)?.[1];
    if (length === undefined) return { whole, problem: how };
    if (rest.length < Number(length)) return { whole, problem: undefined };
    rest = rest.slice(Number(length));
  }
}

async function runRecorder(t: TestContext) {
  const connections: string[] = [];
  const server = createServer((socket) => {
    const index = connections.push('') - 1;
    let answered = 0;
    socket.on('error', () => undefined);
    socket.on('data', (chunk) => {
      connections[index] += chunk.toString('latin1');
      const { whole } = countStrictly(connections[index] ?? '');
      for (; answered < whole; answered += 1) socket.write('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n');
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  return { connections, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
}

test('whatever bytes come in, what goes out has one reading, and there is one request for each answer', async (t) => {
  t.diagnostic(`BANYAN_SEED=${seed}`);
  const random = createRandom(seed);
  const recorder = await runRecorder(t);
  const shop = await runShop(t, {
    gateway: {
      forward: [forward('/up/*', { to: recorder.url, access: 'anyone', timeoutMs: 1_000 })],
      limits: { requestTimeoutMs: 500, headersTimeoutMs: 500 },
    },
  });
  let passed = 0;
  let refused = 0;
  for (let run = 0; run < runs; run += 1) {
    const before = recorder.connections.length;
    const bytes = Array.from({ length: 3 }, () =>
      mutated(requests[Math.floor(random() * requests.length)] ?? '', random),
    ).join('');
    const input = Buffer.from(
      `${bytes}GET /up/last HTTP/1.1\r\nHost: shop\r\nConnection: close\r\n\r\n`,
      'latin1',
    );
    const answer = await exchangeRaw(shop.port, input);
    const where = `seed ${seed}, run ${run}: ${JSON.stringify(input.toString('latin1'))}`;
    // Idle connections are used again, so all are looked at.
    const total = recorder.connections.map(countStrictly);
    for (const { problem } of total) assert.equal(problem, undefined, where);
    const statuses = [...answer.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map((match) => Number(match[1]));
    const answered = statuses.filter((status) => status === 200).length;
    const seen = total.reduce((sum, { whole }) => sum + whole, 0);
    passed += answered;
    assert.equal(seen, passed, `${where}; new connections: ${recorder.connections.length - before}`);
    if (answer.includes('malformed_request')) {
      refused += 1;
      assert.equal(statuses.at(-1), 400, `${where}: something ran behind a refusal`);
    }
  }
  assert(passed > runs / 4 && refused > runs / 10, `${passed} passed, ${refused} were refused`);
});
