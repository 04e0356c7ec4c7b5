import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
// Pure functions of the printing service; everything else of it is tested through the gateway.
import { centreCrop, layOutSheet } from '../printing/sheet-layout.ts';

const paper = { widthMm: 100, heightMm: 150, turnable: true };
const near = (actual: number, expected: number, tolerance = 0.01) =>
  assert.ok(Math.abs(actual - expected) <= tolerance, `${actual} is not ${expected}`);

test('a 10 x 15 cm print is exactly that large between the crop marks', () => {
  const { trim } = layOutSheet(paper, { width: 2000, height: 3000 });
  near(trim.width, 283.46);
  near(trim.height, 425.2);
});

test('the picture runs 3 mm over the trim on every side', () => {
  const { trim, bleed } = layOutSheet(paper, { width: 2000, height: 3000 });
  const threeMm = 8.504;
  near(trim.x - bleed.x, threeMm);
  near(trim.y - bleed.y, threeMm);
  near(bleed.width - trim.width, 2 * threeMm);
  near(bleed.height - trim.height, 2 * threeMm);
});

test('paper is turned for a landscape photo, a mug is not turned for a portrait', () => {
  const landscape = layOutSheet(paper, { width: 3000, height: 2000 });
  assert.ok(landscape.trim.width > landscape.trim.height);
  const mug = layOutSheet({ widthMm: 200, heightMm: 90, turnable: false }, { width: 2000, height: 3000 });
  assert.ok(mug.trim.width > mug.trim.height);
});

test('a square photo loses the same on the left and on the right', () => {
  assert.deepEqual(centreCrop({ width: 1000, height: 1000 }, 0.5), {
    left: 250,
    top: 0,
    width: 500,
    height: 1000,
  });
});

test('a large photo is embedded at 300 dpi, a small one as it is', () => {
  const large = layOutSheet(paper, { width: 6000, height: 9000 });
  assert.equal(large.dpi, 300);
  // 106 mm with bleed / 25.4 × 300
  assert.equal(large.image.width, 1252);
  const small = layOutSheet(paper, { width: 600, height: 900 });
  assert.ok(small.dpi < 160);
  assert.deepEqual(small.image, { width: small.crop.width, height: small.crop.height });
});

test('the crop lies inside any photo, touches two opposite edges and keeps the proportions to a pixel', () => {
  const side = fc.integer({ min: 1, max: 20_000 });
  fc.assert(
    fc.property(side, side, fc.double({ min: 0.2, max: 5, noNaN: true }), (width, height, aspect) => {
      const crop = centreCrop({ width, height }, aspect);
      assert.ok(crop.left >= 0 && crop.top >= 0 && crop.width >= 1 && crop.height >= 1);
      assert.ok(crop.left + crop.width <= width && crop.top + crop.height <= height);
      assert.ok(crop.width === width || crop.height === height);
      const error = Math.min(
        Math.abs(crop.width - crop.height * aspect),
        Math.abs(crop.height - crop.width / aspect),
      );
      assert.ok(error <= 1, `off by ${error} pixels`);
    }),
  );
});
