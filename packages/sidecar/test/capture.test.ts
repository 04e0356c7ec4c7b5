import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer } from 'node:net';
import { type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { freePorts, startTestSystem, untilPasses } from '@banyan/testing';
import { books, people, python, reviews, skip, startPython } from './support/books.ts';

const script = fileURLToPath(new URL('./support/capture.py', import.meta.url));
const maySeePackets = process.platform === 'linux' && process.getuid?.() === 0;

/** What somebody sent, without the headers of TCP. */
interface Segment {
  readonly toPort: number;
  readonly payload: Buffer;
}

/** Listens to the loopback interface, at these ports. @returns what has passed so far */
async function capture(t: TestContext, ports: readonly number[]): Promise<() => readonly Segment[]> {
  const child = spawn(python, [script, ...ports.map(String)]);
  t.after(() => child.kill('SIGKILL'));
  const chunks: Buffer[] = [];
  child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk));
  const [says] = (await once(child.stderr, 'data')) as [Buffer];
  assert.match(says.toString(), /^capturing/);
  return () => segmentsIn(Buffer.concat(chunks));
}

function segmentsIn(captured: Buffer): readonly Segment[] {
  const segments: Segment[] = [];
  for (let at = 0; at + 4 <= captured.length; ) {
    const end = at + 4 + captured.readUInt32BE(at);
    const segment = captured.subarray(at + 4, end);
    if (end <= captured.length)
      segments.push({
        toPort: segment.readUInt16BE(2),
        payload: segment.subarray((segment.readUInt8(12) >> 4) * 4),
      });
    at = end;
  }
  return segments;
}

const textOf = (segments: readonly Segment[]) =>
  Buffer.concat(segments.map(({ payload }) => payload)).toString('latin1');

/** A server that somebody says one word to, once everything else is said: packets are captured in their order. */
async function startLast(t: TestContext) {
  const server = createServer((socket) => socket.resume()).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  const { port } = server.address() as AddressInfo;
  return { port, say: (word: string) => void connect(port, '127.0.0.1').end(word) };
}

/** A call through the sidecar to Python, which calls `people` through it, and what a network between all of them would have shown. */
async function callAndCapture(t: TestContext, mutualTls: boolean) {
  const [port = 0, outgoing = 0] = await freePorts(2);
  await startPython(t, port, outgoing);
  const running = await startTestSystem(t, books, {
    harsh: false,
    mutualTls,
    placement: [['shop'], ['reviews'], ['people']],
    environment: { REVIEWS_UPSTREAM: `http://127.0.0.1:${port}`, REVIEWS_OUTGOING_PORT: String(outgoing) },
  });
  const urls = [await running.internalUrl(reviews.name), await running.internalUrl(people.name)];
  for (const url of urls) assert.equal(new URL(url).protocol, mutualTls ? 'https:' : 'http:');
  const ports = urls.map((url) => Number(new URL(url).port));
  const last = await startLast(t);
  const seen = await capture(t, [...ports, last.port]);
  const user = { id: 'ann-the-reader', scopes: ['reader'] };
  const client = running.client(reviews, { service: 'shop', user });
  const [mine] = JSON.parse((await client.getReviews({ book: 'others' })).seen) as unknown[];
  assert.deepEqual(mine, { service: 'reviews', user: user.id });
  const { seen: review } = await client.addReview({ book: 'a-rare-book', stars: 5 });
  assert.deepEqual(JSON.parse(review), { stars: 5 });
  last.say('that is all');
  await untilPasses(() => assert.match(textOf(seen()), /that is all/));
  return { ports, segments: seen() };
}

const words = /ann-the-reader|a-rare-book|Bearer|banyan-lane|"stars"|"seen"/;

/** Of TLS, as a record of its first version, for old boxes on the way (RFC 8446, 5.1). */
const hello = Buffer.from([0x16, 0x03, 0x01]);

test('a packet capture between services shows no plain text, also of one in Python; without TLS it would', {
  skip: skip || (maySeePackets ? false : 'needs Linux and root, to capture packets'),
}, async (t) => {
  assert.match(textOf((await callAndCapture(t, false)).segments), words);
  const { ports, segments } = await callAndCapture(t, true);
  assert.doesNotMatch(textOf(segments), words);
  // That of the sidecar, and that of whom it calls.
  for (const port of ports) {
    const toIt = segments.filter(({ toPort, payload }) => toPort === port && payload.length > 0);
    assert.ok(
      toIt.some(({ payload }) => payload.subarray(0, 3).equals(hello)),
      `a handshake at ${port}`,
    );
  }
});
