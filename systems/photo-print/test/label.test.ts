import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PDFDocument } from 'pdf-lib';
// Pure functions of the despatch service; everything else of it is tested through the gateway.
import { encodeCode128, symbols } from '../despatch/code128.ts';
import { latinText } from '../despatch/latin-text.ts';
import { addressLines, renderLabel } from '../despatch/render-label.ts';
import { trackingNumber } from '../despatch/tracking-number.ts';

test('tracking numbers carry the check digit of UPU S10', () => {
  // The two serial numbers that the Universal Postal Union and Royal Mail use as examples.
  assert.equal(trackingNumber(47312482), 'LB473124829NL');
  assert.equal(trackingNumber(12345678), 'LB123456785NL');
});

test('the remainders 0 and 1 give the check digits 5 and 0', () => {
  // Weighted sums: 00000000 → 0; 00000006 → 6 × 7 = 42, 42 mod 11 = 9; 00000008 → 56, 56 mod 11 = 1.
  assert.equal(trackingNumber(0), 'LB000000005NL');
  assert.equal(trackingNumber(8), 'LB000000080NL');
});

test('a serial number out of range has no tracking number', () => {
  for (const serial of [-1, 100_000_000, 1.5, Number.NaN])
    assert.throws(() => trackingNumber(serial), RangeError);
});

test('each Code 128 symbol is unique, 11 modules wide, and has an even number of bar modules', () => {
  assert.equal(symbols.length, 106);
  assert.equal(new Set(symbols).size, 106);
  for (const symbol of symbols) {
    const widths = [...symbol].map(Number);
    assert.equal(
      widths.reduce((sum, width) => sum + width, 0),
      11,
    );
    assert.equal(((widths[0] ?? 0) + (widths[2] ?? 0) + (widths[4] ?? 0)) % 2, 0);
  }
});

test('a barcode is start B, the text, the checksum and stop', () => {
  // The worked example of the format's Wikipedia article, in set B: 'PJJ123C' has the checksum 54 with start A (103), so 55 with B.
  const pattern = encodeCode128('PJJ123C').join('');
  assert.equal(pattern.slice(0, 6), symbols[104]);
  assert.equal(pattern.slice(6, 12), symbols[48]);
  assert.equal(pattern.slice(-13, -7), symbols[55]);
  assert.equal(pattern.slice(-7), '2331112');
  assert.throws(() => encodeCode128('é'), RangeError);
  assert.throws(() => encodeCode128(''), RangeError);
});

const recipient = {
  name: 'Ada Lovelace',
  street: 'Sint-Pieterstraat 12',
  postalCode: '6211 JK',
  city: 'Maastricht',
  country: 'NL',
};

test('the address ends with place and country in capitals', () => {
  assert.deepEqual(addressLines({ ...recipient, street2: 'Flat 3', region: 'Limburg' }), [
    'Ada Lovelace',
    'Sint-Pieterstraat 12',
    'Flat 3',
    '6211 JK Maastricht, Limburg',
    'NETHERLANDS',
  ]);
  assert.equal(addressLines({ ...recipient, country: 'QZ' }).at(-1), 'QZ');
});

test('letters that the font lacks lose their accents, and what has no Latin form becomes a question mark', () => {
  const latin1 = Array.from({ length: 224 }, (_, index) => 32 + index);
  assert.equal(latinText('Łódź, Ñandú, Žižek, İzmir', latin1), 'Lódz, Ñandú, Zizek, Izmir');
  assert.equal(latinText('北京', latin1), '??');
});

test('a label is one A6 page, whatever the name', async () => {
  for (const name of ['Ada', 'Łukasz Żółw', '李小龙', '👩‍🚀', 'W'.repeat(120)]) {
    const label = await renderLabel({
      recipient: { ...recipient, name },
      trackingNumber: 'LB123456785NL',
      despatchedAt: new Date('2026-01-02T03:04:05Z'),
    });
    const page = (await PDFDocument.load(label)).getPage(0);
    assert.equal(((page.getWidth() / 72) * 25.4).toFixed(1), '105.0');
    assert.equal(((page.getHeight() / 72) * 25.4).toFixed(1), '148.0');
  }
});
