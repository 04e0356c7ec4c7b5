import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type JsonPage, startOrders, titlesOf } from './support/orders-feed.ts';
import { exchange } from './support/raw-bytes.ts';

test('an unchanged feed costs less than 1 KB, whichever condition asks', async (t) => {
  const { client, url, append } = await startOrders(t);
  await client.fill({ from: 1, count: 200 });
  const first = await fetch(url);
  const etag = first.headers.get('etag') ?? '';
  const lastModified = first.headers.get('last-modified') ?? '';
  assert.ok((await first.text()).length > 10_000);
  const conditions: Record<string, string>[] = [
    { 'if-none-match': etag },
    { 'if-none-match': `"other", W/${etag}` },
    { 'if-modified-since': lastModified },
    { 'if-none-match': etag, 'if-modified-since': 'Thu, 01 Jan 1970 00:00:00 GMT' },
  ];
  for (const headers of conditions) {
    const { status, sent, received, text } = await exchange(url, { headers });
    assert.equal(status, 304, JSON.stringify(headers));
    assert.ok(text.endsWith('\r\n\r\n'), 'no body');
    assert.ok(sent + received < 1_024, `${sent} + ${received} bytes`);
    assert.ok(text.includes(etag) && text.includes(lastModified));
  }
  for (const headers of [
    { 'if-none-match': '"other"', 'if-modified-since': lastModified },
    { 'if-modified-since': 'Thu, 01 Jan 1970 00:00:00 GMT' },
    { 'if-modified-since': 'Fri, 01 Jan 2100 00:00:00 GMT' },
    { 'if-modified-since': 'yesterday' },
  ]) {
    assert.equal((await fetch(url, { headers })).status, 200, JSON.stringify(headers));
  }
  const head = await exchange(url, { method: 'HEAD' });
  assert.equal(head.status, 200);
  assert.ok(head.text.endsWith('\r\n\r\n') && head.text.includes(etag));
  await append('new');
  for (const headers of conditions) assert.equal((await fetch(url, { headers })).status, 200);
});

test('of two entries in one second, one on either side of a poll, both arrive by Last-Modified alone', async (t) => {
  const { url, append } = await startOrders(t);
  let sameSecond = 0;
  let lastModified = '';
  let newest = 0;
  for (let round = 0; round < 20; round += 1) {
    await append(`a${round}`);
    const first = await fetch(url, { headers: { accept: 'application/json' } });
    assert.equal(titlesOf((await first.json()) as JsonPage)[0], `a${round}`);
    lastModified = first.headers.get('last-modified') ?? '';
    await append(`b${round}`);
    const second = await fetch(url, {
      headers: { accept: 'application/json', 'if-modified-since': lastModified },
    });
    assert.equal(second.status, 200);
    assert.equal(titlesOf((await second.json()) as JsonPage)[0], `b${round}`);
    if (first.headers.get('date') === second.headers.get('date')) sameSecond += 1;
    for (const { headers } of [first, second]) {
      const named = Date.parse(headers.get('last-modified') ?? '');
      assert.ok(named >= newest, 'never goes back');
      assert.ok(named <= Date.parse(headers.get('date') ?? '') + 1_000, 'names no future');
      newest = named;
    }
  }
  assert.ok(sameSecond > 0, 'no two answers came within one second');
});
