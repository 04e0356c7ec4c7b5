import assert from 'node:assert/strict';
import { test } from 'node:test';
import sharp from 'sharp';
import { makePicture } from '../pictures/picture.ts';
// Pure functions of the uploads service; everything else of it is tested through the gateway.
import { photoTypeOf, signatureBytes } from '../uploads/photo-type.ts';

test('real JPEG, PNG and WebP files are recognised by their first twelve bytes', async () => {
  for (const format of ['jpeg', 'png', 'webp'] as const) {
    const file = await makePicture({ seed: format, width: 40, height: 30, format });
    assert.equal(photoTypeOf(file.subarray(0, signatureBytes)), `image/${format}`);
  }
});

test('other image formats, web pages, programs and stumps are not photos', async () => {
  const gif = await sharp({ create: { width: 2, height: 2, channels: 3, background: 'red' } })
    .gif()
    .toBuffer();
  const others = [
    gif,
    '<svg xmlns="http://www.w3.org/2000/svg"/>',
    '<!doctype html>',
    '\x7fELF',
    '%PDF-1.7',
    '',
    '\xff',
  ];
  for (const file of others) assert.equal(photoTypeOf(Buffer.from(file as string, 'latin1')), undefined);
  // A RIFF file that is sound, not picture.
  assert.equal(photoTypeOf(Buffer.from('RIFF\0\0\0\0WAVEfmt ', 'latin1')), undefined);
});
