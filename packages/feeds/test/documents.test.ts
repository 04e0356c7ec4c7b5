import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseXml } from '@rgrove/parse-xml';
import fc from 'fast-check';
// Pure functions: writing text so that it is read back the same, and links so that they lead to the same place.
import { relativeLink } from '../src/relative-link.ts';
import { negotiate } from '../src/representation.ts';
import { element } from '../src/xml-writer.ts';

const anyText = fc.string({ unit: 'binary', maxLength: 50 });

test('what is written as XML is read back the same, but for what XML cannot hold', () => {
  fc.assert(
    fc.property(anyText, (text) => {
      const { root } = parseXml(element('x', { a: text }, text));
      // biome-ignore lint/suspicious/noControlCharactersInRegex: XML 1.0, 2.2 leaves them out.
      const kept = text.toWellFormed().replace(/[\0-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]/g, '\ufffd');
      assert.equal(root?.attributes['a'], kept);
      assert.equal(root?.text, kept);
    }),
  );
});

test('a link leads from any document to any path of the site, behind any prefix', () => {
  const segment = fc.stringMatching(/^[a-z0-9._~:-]{1,6}$/).filter((text) => text !== '.' && text !== '..');
  const path = fc.array(segment, { minLength: 1, maxLength: 4 }).map((segments) => `/${segments.join('/')}`);
  const query = fc.constantFrom('', '?page=2', '?after=3&entries=embedded');
  fc.assert(
    fc.property(path, path, query, fc.constantFrom('', '/api', '/a/b'), (from, to, search, prefix) => {
      const at = `https://shop.example${prefix}${from}`;
      const wanted = `https://shop.example${prefix}${to}${search}`;
      assert.equal(new URL(relativeLink(from, to + search), at).href, wanted);
    }),
  );
  assert.equal(relativeLink('/feed', '/orders/42'), 'orders/42');
  assert.equal(relativeLink('/shop/feed', '/orders/42'), '../orders/42');
});

const accepted: readonly (readonly [accept: string | undefined, form: string])[] = [
  [undefined, 'atom-s'],
  ['', 'atom-s'],
  ['*/*', 'atom-s'],
  ['application/*', 'atom-s'],
  ['application/atom+xml', 'atom-s'],
  ['application/json', 'json-s'],
  ['Application/JSON; Entries="embedded"', 'json-e'],
  ['application/json;entries=embedded, application/atom+xml;q=0.9', 'json-e'],
  ['application/json;q=0.8, application/atom+xml;q=0.9', 'atom-s'],
  ['application/feed+json', 'jsonFeed-s'],
  ['application/atom+xml;q=0, */*', 'json-s'],
  ['text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8', 'atom-s'],
  ['image/png, application/json;q=0.001', 'json-s'],
];

test('the best form that is asked for is the answer', () => {
  for (const [accept, form] of accepted) {
    assert.equal(negotiate(accept === undefined ? {} : { accept }).tag, form, accept);
  }
  assert.equal(negotiate({ accept: 'application/json; entries=embedded', entries: 'summary' }).tag, 'json-s');
  for (const accept of [
    'image/png',
    'text/*',
    'application/json;q=0',
    '*/*;q=0',
    ';;;,,,',
    'q=1',
    'application/json;q=2',
  ]) {
    assert.throws(() => negotiate({ accept }), { reason: 'not_acceptable', status: 406 }, accept);
  }
});
