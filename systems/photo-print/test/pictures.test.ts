import assert from 'node:assert/strict';
import { test } from 'node:test';
import sharp from 'sharp';
import { makePicture } from '../pictures/picture.ts';

test('a picture has the asked size and format, and the same seed makes the same picture', async () => {
  for (const format of ['jpeg', 'png', 'webp'] as const) {
    const options = { seed: 'holiday', width: 320, height: 200, format };
    const picture = await makePicture(options);
    const found = await sharp(picture).metadata();
    assert.deepEqual([found.format, found.width, found.height], [format, 320, 200]);
    assert.ok(picture.equals(await makePicture(options)));
    assert.ok(!picture.equals(await makePicture({ ...options, seed: 'work' })));
  }
});

test('a picture taken with the camera upright is marked as such', async () => {
  const picture = await makePicture({ seed: 'upright', width: 300, height: 200, orientation: 6 });
  assert.deepEqual((await sharp(picture).metadata()).autoOrient, { width: 200, height: 300 });
});
