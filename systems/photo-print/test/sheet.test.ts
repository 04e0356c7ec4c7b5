import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PDFDocument, PDFName, PDFRawStream } from 'pdf-lib';
import sharp from 'sharp';
import { makePicture } from '../pictures/picture.ts';
// Pure functions of the printing service; everything else of it is tested through the gateway.
import { renderSheet } from '../printing/render-sheet.ts';

const job = {
  orderId: '019a0000-0000-7000-8000-000000000001',
  customerId: '019a0000-0000-7000-8000-000000000002',
  photoId: '019a0000-0000-7000-8000-000000000003',
  product: 'paper',
  size: '10x15',
  quantity: 2,
  printableArea: { widthMm: 100, heightMm: 150, turnable: true },
};
const printedAt = new Date('2026-01-02T03:04:05Z');

/** The only picture of a sheet, as the press would read it. */
async function pictureIn(sheet: Uint8Array): Promise<Buffer> {
  const document = await PDFDocument.load(sheet);
  const pictures = document.context
    .enumerateIndirectObjects()
    .map(([, object]) => object)
    .filter((object) => object instanceof PDFRawStream)
    .filter((stream) => stream.dict.get(PDFName.of('Subtype')) === PDFName.of('Image'));
  assert.equal(pictures.length, 1);
  return Buffer.from(pictures[0]?.contents ?? []);
}

test('the sheet is one page whose trim is the ordered size and whose bleed is 3 mm more', async () => {
  const photo = await makePicture({ seed: 'sheet', width: 1000, height: 1500 });
  const document = await PDFDocument.load(await renderSheet(photo, job, printedAt), {
    updateMetadata: false,
  });
  assert.equal(document.getPageCount(), 1);
  const page = document.getPage(0);
  const trim = page.getTrimBox();
  const bleed = page.getBleedBox();
  assert.equal(((trim.width / 72) * 25.4).toFixed(3), '100.000');
  assert.equal(((trim.height / 72) * 25.4).toFixed(3), '150.000');
  assert.equal(((bleed.width / 72) * 25.4).toFixed(3), '106.000');
  assert.equal(((page.getWidth() / 72) * 25.4).toFixed(3), '124.000');
  assert.deepEqual(document.getCreationDate(), printedAt);
});

test('the middle of the photo is on the sheet, cropped to the proportions of the paper', async () => {
  // Blue in the middle, red on the sides that a portrait sheet must cut away.
  const photo = await sharp({ create: { width: 3000, height: 1500, channels: 3, background: '#ff0000' } })
    .composite([
      {
        input: { create: { width: 1000, height: 1500, channels: 3, background: '#0000ff' } },
        gravity: 'centre',
      },
    ])
    .png()
    .toBuffer();
  const area = { widthMm: 100, heightMm: 250, turnable: false };
  const picture = await pictureIn(await renderSheet(photo, { ...job, printableArea: area }, printedAt));
  const { channels } = await sharp(picture).stats();
  assert.ok((channels[0]?.max ?? 255) < 20, 'some red is left');
  assert.ok((channels[2]?.min ?? 0) > 235, 'not all is blue');
});

test('a photo that the camera stored lying down is printed upright', async () => {
  // Stored 1500 wide; orientation 6 turns it by 90° clockwise, so that its left edge becomes the top.
  const lying = await sharp({ create: { width: 1500, height: 1000, channels: 3, background: '#000000' } })
    .composite([
      {
        input: { create: { width: 750, height: 1000, channels: 3, background: '#ffffff' } },
        left: 0,
        top: 0,
      },
    ])
    .withMetadata({ orientation: 6 })
    .jpeg()
    .toBuffer();
  const picture = await pictureIn(await renderSheet(lying, job, printedAt));
  const { data, info } = await sharp(picture).raw().toBuffer({ resolveWithObject: true });
  assert.ok(info.height > info.width, 'the sheet lies down');
  const brightness = (x: number, y: number) => data[(y * info.width + x) * info.channels] ?? 0;
  assert.ok(brightness(info.width >> 1, 10) > 240, 'the white half is not on top');
  assert.ok(brightness(info.width >> 1, info.height - 10) < 15, 'the black half is not at the bottom');
});

test('transparent parts of a picture are printed white, on any format', async () => {
  const photo = await sharp({
    create: { width: 1000, height: 1500, channels: 4, background: { r: 0, g: 0, b: 0, alpha: 0 } },
  })
    .webp()
    .toBuffer();
  const picture = await pictureIn(await renderSheet(photo, job, printedAt));
  const { format, hasAlpha, space } = await sharp(picture).metadata();
  assert.deepEqual({ format, hasAlpha, space }, { format: 'jpeg', hasAlpha: false, space: 'srgb' });
  assert.ok(((await sharp(picture).stats()).channels[0]?.min ?? 0) > 250);
});
