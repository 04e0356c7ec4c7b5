import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Download, Upload } from '@banyan/contract';
import { ServiceError } from '@banyan/core';
import { until } from '@banyan/core/testing';
import type { Bench } from './bench.ts';

const octets = 'application/octet-stream';

async function* repeat(chunk: Uint8Array, times: number): AsyncGenerator<Uint8Array> {
  for (let count = 0; count < times; count += 1) yield chunk;
}

async function digest(body: AsyncIterable<Uint8Array> | Uint8Array): Promise<{ bytes: number; sum: number }> {
  let bytes = 0;
  let sum = 0;
  for await (const chunk of body instanceof Uint8Array ? [body] : body) {
    bytes += chunk.byteLength;
    for (const byte of chunk) sum = (sum * 31 + byte) % 1_000_003;
  }
  return { bytes, sum };
}

async function textOf(body: AsyncIterable<Uint8Array> | Uint8Array): Promise<string> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of body instanceof Uint8Array ? [body] : body) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

/** Bytes in and out. */
export function describeStreams(bench: Bench): void {
  const digesting = () =>
    bench.open(async (_, input, __, upload) => ({
      ...(input as object),
      ...(await digest(upload?.body ?? ([] as never))),
    }));

  test('an upload arrives byte for byte, with its input', async () => {
    const caller = await digesting();
    const chunk = Uint8Array.from({ length: 10_007 }, (_, index) => index % 251);
    const wanted = await digest(repeat(chunk, 400));
    const upload: Upload = { contentType: octets, length: undefined, body: repeat(chunk, 400) };
    const answer = await caller.call('upload', { name: 'a b/ü', fold: true }, { upload });
    assert.deepEqual(answer, { name: 'a b/ü', fold: true, ...wanted });
    const known: Upload = {
      contentType: 'text/csv; charset=utf-8',
      length: chunk.length,
      body: repeat(chunk, 1),
    };
    assert.deepEqual(await caller.call('upload', { name: 'x' }, { upload: known }), {
      name: 'x',
      fold: false,
      ...(await digest(chunk)),
    });
  });

  test('an upload beyond its limit, of a wrong type, or missing is refused', async () => {
    const caller = await digesting();
    const upload = (contentType: string, length: number | undefined, chunks: number): Upload => ({
      contentType,
      length,
      body: repeat(new Uint8Array(100_000), chunks),
    });
    const call = (given?: Upload) =>
      caller.call('upload', { name: 'x' }, given === undefined ? {} : { upload: given });
    await assert.rejects(call(upload(octets, 5_000_001, 51)), { reason: 'body_too_large', status: 413 });
    await assert.rejects(call(upload(octets, undefined, 51)), { reason: 'body_too_large', status: 413 });
    await assert.rejects(call(upload('image/png', 100_000, 1)), {
      reason: 'unsupported_media_type',
      status: 415,
    });
    await assert.rejects(call(), { reason: 'missing_upload' });
  });

  test('a handler that refuses without reading the upload is heard', async () => {
    const caller = await bench.open(() =>
      Promise.reject(new ServiceError('Full.', { code: 'failed_precondition', reason: 'full' })),
    );
    const upload: Upload = {
      contentType: octets,
      length: undefined,
      body: repeat(new Uint8Array(100_000), 40),
    };
    await assert.rejects(caller.call('upload', { name: 'x' }, { upload }), { reason: 'full' });
  });

  test('a reader that stops early stops the sender', async () => {
    let sent = 0;
    async function* endless(): AsyncGenerator<Uint8Array> {
      for (; sent < 4_900_000; sent += 1_000) yield new Uint8Array(1_000);
    }
    const caller = await bench.open(async (_, input, __, upload) => {
      for await (const chunk of upload?.body ?? [])
        return { ...(input as object), bytes: chunk.length, sum: 0 };
      return undefined;
    });
    const upload: Upload = { contentType: octets, length: undefined, body: endless() };
    await caller.call('upload', { name: 'x' }, { upload });
  });

  test('an upload that its source breaks off fails the call', async () => {
    const caller = await digesting();
    async function* broken(): AsyncGenerator<Uint8Array> {
      yield new Uint8Array(10);
      throw new Error('disk gone');
    }
    const upload: Upload = { contentType: octets, length: undefined, body: broken() };
    await assert.rejects(caller.call('upload', { name: 'x' }, { upload }), { name: 'ServiceError' });
  });

  test('a download arrives byte for byte, with what describes it', async () => {
    const chunk = Uint8Array.from({ length: 10_007 }, (_, index) => index % 253);
    const description = {
      contentType: octets,
      length: 4_002_800,
      etag: 'v1',
      cacheControl: 'max-age=60',
      fileName: 'ü "1".bin',
    };
    const caller = await bench.open(async () => ({ ...description, body: repeat(chunk, 400) }));
    const { body, ...described } = (await caller.call('download', { name: 'x' })) as Download;
    assert.deepEqual(described, description);
    assert.deepEqual(await digest(body), await digest(repeat(chunk, 400)));
  });

  test('a download of bytes at hand arrives', async () => {
    const caller = await bench.open(async () => ({ contentType: octets, body: Buffer.from('hello') }));
    const { body } = (await caller.call('download', { name: 'x' })) as Download;
    assert.deepEqual(await digest(body), await digest(Buffer.from('hello')));
  });

  test('an operation answers by the headers that it takes as input, and says whether the caller has it already', async () => {
    const caller = await bench.open(async (_operation, input) => {
      const { accept, ifNoneMatch } = input as { readonly accept?: string; readonly ifNoneMatch?: string };
      const description = { etag: 'v2', lastModifiedMs: 1_000, vary: ['accept'], cacheControl: 'no-cache' };
      const notModified = ifNoneMatch === 'W/"v2", "v1"';
      const body = Buffer.from(notModified ? '' : `${accept}`);
      return { contentType: octets, ...description, notModified, body };
    });
    const ask = async (headers: object) => {
      const page = await caller.call('page', { name: 'x', ...headers });
      const { etag, lastModifiedMs, vary, cacheControl, notModified, body } = page as Download;
      return { etag, lastModifiedMs, vary, cacheControl, notModified, text: await textOf(body) };
    };
    const described = { etag: 'v2', lastModifiedMs: 1_000, vary: ['accept'], cacheControl: 'no-cache' };
    const accept = 'text/plain;q=0.5, */*';
    assert.deepEqual(await ask({ accept }), { ...described, notModified: false, text: accept });
    // The handler decides, not whoever carries its answer.
    const stale = await ask({ accept, ifNoneMatch: '"v2"' });
    assert.deepEqual(stale, { ...described, notModified: false, text: accept });
    const known = await ask({ ifNoneMatch: 'W/"v2", "v1"' });
    assert.deepEqual(known, { ...described, notModified: true, text: '' });
  });

  test('what cannot travel in a header is refused', async () => {
    const caller = await bench.open(async () => ({ contentType: octets, body: Buffer.from('') }));
    for (const accept of ['a\nb: c', 'ü', ' a', '\ud800']) {
      await assert.rejects(caller.call('page', { name: 'x', accept }), { reason: 'invalid_input' });
    }
  });

  test('a download can be refused', async () => {
    const caller = await bench.open(() =>
      Promise.reject(
        new ServiceError('No.', { code: 'not_found', reason: 'notThere', status: 404, declared: true }),
      ),
    );
    await assert.rejects(caller.call('download', { name: 'x' }), {
      reason: 'notThere',
      declared: true,
      status: 404,
    });
  });

  test('a download is produced at the pace of its reader, and ends with it', async () => {
    let produced = 0;
    let closed = false;
    const caller = await bench.open(async () => {
      const body = (async function* () {
        try {
          for (;;) {
            produced += 100_000;
            yield new Uint8Array(100_000);
          }
        } finally {
          closed = true;
        }
      })();
      return { contentType: octets, body };
    });
    const { body } = (await caller.call('download', { name: 'x' })) as Download;
    for await (const _ of body as AsyncIterable<Uint8Array>) break;
    await until(() => closed, 'the source is closed');
    assert.ok(produced < 50_000_000, `${produced} bytes were produced for one chunk`);
  });

  test('a download that its source breaks off is an error at the reader', async () => {
    const caller = await bench.open(async () => {
      const body = (async function* () {
        yield new Uint8Array(10);
        throw new Error('disk gone');
      })();
      return { contentType: octets, body };
    });
    await assert.rejects(async () => {
      const { body } = (await caller.call('download', { name: 'x' })) as Download;
      await digest(body);
    });
  });
}
