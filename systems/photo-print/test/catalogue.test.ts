import assert from 'node:assert/strict';
import { test } from 'node:test';
// Pure functions of the orders service; everything else of it is tested through the gateway.
import { catalogue, findSize, missingPixels } from '../orders/catalogue.ts';
import type { Size } from '../orders/contract.ts';

function sizeOf(product: string, size: string): Size {
  const found = findSize(product, size);
  assert.ok(found, `${product} ${size} is not sold`);
  return found;
}

test('a 10 x 15 cm print asks for 150 dots per inch', () => {
  // 100 mm / 25.4 × 150 = 590.6, 150 mm / 25.4 × 150 = 885.8
  assert.deepEqual(sizeOf('paper', '10x15').minimumPixels, { width: 591, height: 886 });
});

test('we sell paper in four sizes, a mug, and T-shirts from S to XL, each at a price in cents', () => {
  const sizes = Object.fromEntries(
    catalogue.map(({ product, sizes }) => [product, sizes.map(({ size }) => size)]),
  );
  assert.deepEqual(sizes, {
    paper: ['10x15', '13x18', '20x30', '30x45'],
    mug: ['standard'],
    't-shirt': ['S', 'M', 'L', 'XL'],
  });
  for (const { price } of catalogue.flatMap(({ sizes }) => sizes)) {
    assert.ok(Number.isInteger(price.amount) && price.amount > 0);
    assert.equal(price.currency, 'EUR');
  }
});

test('a combination that we do not print is not found', () => {
  for (const [product, size] of [
    ['mug', '10x15'],
    ['paper', 'XL'],
    ['toString', 'length'],
    ['', ''],
  ] as const) {
    assert.equal(findSize(product, size), undefined);
  }
});

test('a photo with exactly the needed pixels is good enough, one pixel less is not', () => {
  const size = sizeOf('paper', '20x30');
  const { width, height } = size.minimumPixels;
  assert.equal(missingPixels(size, { width, height }), undefined);
  assert.deepEqual(missingPixels(size, { width: width - 1, height }), {
    needed: { width, height },
    actual: { width: width - 1, height },
  });
});

test('paper is turned to suit a landscape photo; a mug is not turned for a portrait', () => {
  const paper = sizeOf('paper', '20x30');
  const { width, height } = paper.minimumPixels;
  assert.equal(missingPixels(paper, { width: height, height: width }), undefined);
  const mug = sizeOf('mug', 'standard');
  assert.ok(missingPixels(mug, { width: mug.minimumPixels.height, height: mug.minimumPixels.width }));
});
