import assert from 'node:assert/strict';
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { type TestContext, test } from 'node:test';
import { temporaryFolder } from '@banyan/testing';
import sharp from 'sharp';
import { makePicture } from '../pictures/picture.ts';
// The file side of the uploads service, to see what stays on the disk; its answers are tested through the gateway.
import { inspectPhoto } from '../uploads/inspect-photo.ts';
import { createPhotoStore } from '../uploads/photo-store.ts';
import { makePngBomb } from './fixtures/png-bomb.ts';

const photoId = '019a0000-0000-7000-8000-000000000001';
const { signal } = new AbortController();

async function openStore(t: TestContext) {
  const folder = await temporaryFolder(t, 'photo-store');
  const files = async () =>
    (await readdir(folder, { recursive: true, withFileTypes: true }))
      .filter((entry) => entry.isFile())
      .map((entry) => entry.name)
      .sort();
  return { folder, files, store: createPhotoStore(folder) };
}

test('a photo is kept byte for byte, with a thumbnail of at most 400 pixels, turned upright', async (t) => {
  const { store, files } = await openStore(t);
  const photo = await makePicture({ seed: 'store', width: 1200, height: 900, orientation: 6 });
  const file = await store.receive(photo, signal);
  assert.equal(file.bytes, photo.length);
  assert.deepEqual(await inspectPhoto(file), {
    verdict: 'photo',
    type: 'image/jpeg',
    width: 900,
    height: 1200,
  });
  await store.keep(file, photoId);
  await store.discard(file);

  assert.deepEqual(await files(), [photoId, `${photoId}.webp`]);
  assert.ok((await buffer(store.readPhoto(photoId))).equals(photo));
  const thumbnail = await sharp(await buffer(await store.readThumbnail(photoId))).metadata();
  assert.deepEqual([thumbnail.format, thumbnail.width, thumbnail.height], ['webp', 300, 400]);
});

test('a small photo is not blown up for its thumbnail', async (t) => {
  const { store } = await openStore(t);
  const file = await store.receive(await makePicture({ seed: 'small', width: 120, height: 80 }), signal);
  await inspectPhoto(file);
  await store.keep(file, photoId);
  const { width, height } = await sharp(await buffer(await store.readThumbnail(photoId))).metadata();
  assert.deepEqual([width, height], [120, 80]);
});

test('a lost thumbnail is made again, and everyone who asks meanwhile gets all of it', async (t) => {
  const { store, folder, files } = await openStore(t);
  const file = await store.receive(await makePicture({ seed: 'again', width: 800, height: 600 }), signal);
  await inspectPhoto(file);
  await store.keep(file, photoId);
  await rm(join(folder, 'thumbnails'), { recursive: true });
  const thumbnails = await Promise.all(
    Array.from({ length: 8 }, async () => buffer(await store.readThumbnail(photoId))),
  );
  for (const thumbnail of thumbnails) assert.ok(thumbnail.equals(thumbnails[0] ?? Buffer.alloc(0)));
  assert.deepEqual(await files(), [photoId, `${photoId}.webp`]);
});

test('what is no photo is recognised whatever it pretends, and leaves nothing behind', async (t) => {
  const { store, files } = await openStore(t);
  const jpeg = await makePicture({ seed: 'broken', width: 800, height: 600 });
  const pretenders = {
    nothing: Buffer.alloc(0),
    'a stump': jpeg.subarray(0, 5),
    'a web page': Buffer.from('<!doctype html><script>alert(1)</script>'.repeat(100)),
    'an SVG': Buffer.from('<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>'),
    'noise after a JPEG signature': Buffer.concat([jpeg.subarray(0, 12), Buffer.alloc(5_000, 0x5a)]),
    'half a JPEG': jpeg.subarray(0, jpeg.length / 2),
    'half a PNG': (await makePicture({ seed: 'broken', width: 300, height: 200, format: 'png' })).subarray(
      0,
      9_000,
    ),
  };
  for (const [name, bytes] of Object.entries(pretenders)) {
    const file = await store.receive(bytes, signal);
    assert.deepEqual(await inspectPhoto(file), { verdict: 'notAnImage' }, name);
    await store.discard(file);
  }
  assert.deepEqual(await files(), []);
});

test('a decompression bomb is refused by its header, without being unpacked', async (t) => {
  const { store, files } = await openStore(t);
  const bomb = makePngBomb(20_000);
  assert.ok(bomb.length < 100_000);
  const file = await store.receive(bomb, signal);
  const before = process.memoryUsage().rss;
  assert.deepEqual(await inspectPhoto(file), {
    verdict: 'tooManyPixels',
    pixels: 400_000_000,
    maxPixels: 100_000_000,
  });
  assert.ok(process.memoryUsage().rss - before < 50_000_000);
  await store.discard(file);
  assert.deepEqual(await files(), []);
});

test('the rest of a stream that is no photo is not read', async (t) => {
  const { store } = await openStore(t);
  let chunks = 0;
  async function* endless() {
    for (;;) {
      chunks += 1;
      yield Buffer.alloc(65_536, 'spam ');
    }
  }
  const file = await store.receive(endless(), signal);
  assert.equal(file.type, undefined);
  assert.ok(chunks < 5, `${chunks} chunks were read`);
});

test('a stream that breaks off, or that nobody waits for any more, leaves no file', async (t) => {
  const { store, files } = await openStore(t);
  const jpeg = await makePicture({ seed: 'interrupted', width: 800, height: 600 });
  async function* breaking() {
    yield jpeg.subarray(0, 10_000);
    throw new Error('The connection was lost.');
  }
  await assert.rejects(store.receive(breaking(), signal), /connection was lost/);

  const leaving = new AbortController();
  async function* stalling() {
    yield jpeg.subarray(0, 10_000);
    leaving.abort(new Error('The customer left.'));
    await new Promise(() => {});
  }
  await assert.rejects(store.receive(stalling(), leaving.signal));
  assert.deepEqual(await files(), []);
});

test('reading a photo does not open its file before somebody reads', async (t) => {
  const { store } = await openStore(t);
  // Were it opened at once, a file that does not exist would fail here instead of at the first read.
  const missing = store.readPhoto('missing');
  await assert.rejects(buffer(missing), { code: 'ENOENT' });
});
