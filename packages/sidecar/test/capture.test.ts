import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { startTestSystem } from '@banyan/testing';
import { books, freePort, people, python, reviews, skip, startPython } from './support/books.ts';

const script = fileURLToPath(new URL('./support/capture.py', import.meta.url));
const maySeePackets = process.platform === 'linux' && process.getuid?.() === 0;

interface Capture {
  /** All that has passed so far. */
  seen(): string;
}

/** Listens to the loopback interface, at these ports. */
async function capture(t: TestContext, urls: readonly string[]): Promise<Capture> {
  const child = spawn(python, [script, ...urls.map((url) => new URL(url).port)]);
  t.after(() => child.kill('SIGKILL'));
  const chunks: Buffer[] = [];
  child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk));
  const [says] = (await once(child.stderr, 'data')) as [Buffer];
  assert.match(says.toString(), /^capturing/);
  return { seen: () => Buffer.concat(chunks).toString('latin1') };
}

/** A call through the sidecar to Python, which calls `people` through it, and what a network between all of them would have shown. */
async function callAndCapture(t: TestContext, mutualTls: boolean): Promise<string> {
  const [port, outgoing] = [await freePort(), await freePort()];
  await startPython(t, port, outgoing);
  const running = await startTestSystem(t, books, {
    harsh: false,
    mutualTls,
    placement: [['shop'], ['reviews'], ['people']],
    environment: { REVIEWS_UPSTREAM: `http://127.0.0.1:${port}`, REVIEWS_OUTGOING_PORT: String(outgoing) },
  });
  const urls = [await running.internalUrl(reviews.name), await running.internalUrl(people.name)];
  for (const url of urls) assert.equal(new URL(url).protocol, mutualTls ? 'https:' : 'http:');
  const { seen } = await capture(t, urls);
  const user = { id: 'ann-the-reader', scopes: ['reader'] };
  const client = running.client(reviews, { service: 'shop', user });
  const [mine] = JSON.parse((await client.getReviews({ book: 'others' })).seen) as unknown[];
  assert.deepEqual(mine, { service: 'reviews', user: user.id });
  const { seen: review } = await client.addReview({ book: 'a-rare-book', stars: 5 });
  assert.deepEqual(JSON.parse(review), { stars: 5 });
  // Packets come on their own way; TLS makes more of them.
  await t.waitFor(() => assert.ok(seen().length > 3_000, `${seen().length} bytes were captured`), {
    timeout: 10_000,
  });
  return seen();
}

const words = /ann-the-reader|a-rare-book|Bearer|banyan-lane|"stars"|"seen"/;

test('a packet capture between services shows no plain text, also of one in Python; without TLS it would', {
  skip: skip || (maySeePackets ? false : 'needs Linux and root, to capture packets'),
}, async (t) => {
  assert.match(await callAndCapture(t, false), words);
  const secured = await callAndCapture(t, true);
  assert.doesNotMatch(secured, words);
  // A handshake of TLS 1.3 at each of the two ports: that of the sidecar, and that of whom it calls.
  assert.ok(secured.split('\u0016\u0003\u0001').length > 2);
});
