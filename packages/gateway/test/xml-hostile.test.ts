import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { contract, operation } from '@banyan/contract';
import { expose } from '@banyan/gateway';
import { z } from 'zod';
import { runShop } from './support/running-shop.ts';

const box = contract('box', {
  version: '1.0.0',
  operations: {
    keep: operation('POST /box', {
      input: z.object({
        text: z.string().optional(),
        list: z.array(z.string()).optional(),
        any: z.unknown().optional(),
      }),
      output: z.object({ ok: z.boolean() }),
    }),
    publicKeys: operation('GET /keys', {
      input: z.object({}),
      output: z.object({ keys: z.array(z.record(z.string(), z.unknown())) }),
    }),
  },
});

const laughs = `<!DOCTYPE lolz [<!ENTITY lol "lol">${Array.from({ length: 9 }, (_, index) => {
  const below = index === 0 ? 'lol' : `lol${index}`;
  return `<!ENTITY lol${index + 1} "${`&${below};`.repeat(10)}">`;
}).join('')}]><box><text>&lol9;</text></box>`;

const refused: Readonly<Record<string, string>> = {
  'entities that grow (billion laughs)': laughs,
  'one large entity, often (quadratic blow-up)': `<!DOCTYPE a [<!ENTITY a "${'a'.repeat(50_000)}">]><box><text>${'&a;'.repeat(50_000)}</text></box>`,
  'an entity of this machine':
    '<!DOCTYPE box [<!ENTITY x SYSTEM "file:///etc/passwd">]><box><text>&x;</text></box>',
  'an entity of another machine':
    '<!DOCTYPE box [<!ENTITY x SYSTEM "http://127.0.0.1:1/">]><box><text>&x;</text></box>',
  'parameter entities': '<!DOCTYPE box [<!ENTITY % x SYSTEM "http://127.0.0.1:1/"> %x;]><box/>',
  'a document type that is elsewhere': '<!DOCTYPE box SYSTEM "http://127.0.0.1:1/box.dtd"><box/>',
  'a document type without an end': `<!DOCTYPE box [${'<!ENTITY a "b">'.repeat(1_000)}`,
  'entities of HTML': '<box><text>&nbsp;</text></box>',
  'characters that XML does not have': '<box><text>&#0;</text></box>',
  'no root': '',
  'two roots': '<box/><box/>',
  'text around the root': '<box/>x',
  'no end': '<box><text>',
  'crossed elements': '<box><text></box></text>',
  'attributes twice': '<box a="1" a="2"/>',
  'prefixes of no namespace': '<x:box/>',
  'elements twice': '<box><text>a</text><text>b</text></box>',
  'text beside elements': '<box>x<text>a</text></box>',
  'another encoding': '<?xml version="1.0" encoding="UTF-7"?><box/>',
  'types that there are not': '<box type="function"/>',
  'values that are not of their type': '<box><any type="number">0x10</any></box>',
  'numbers that do not end': '<box><any type="number">1e999</any></box>',
  'escapes that are none': '<box><any escaped="text">\\u12</any></box>',
  'nothing with something in it':
    '<box><any xmlns:x="http://www.w3.org/2001/XMLSchema-instance" x:nil="true">a</any></box>',
};

/** Work is what counts, and not how long the machine stalled. */
function assertLittleWork(began: NodeJS.CpuUsage, mostUs: number): void {
  const { user, system } = process.cpuUsage(began);
  assert.ok(user + system < mostUs, `${user + system} µs`);
}

suite('hostile XML', () => {
  for (const [what, body] of Object.entries(refused)) {
    test(`is refused at once: ${what}`, async (t) => {
      const shop = await runShop(t, {
        contract: box,
        gateway: { formats: ['json', 'xml'], expose: [expose(box, { keep: 'anyone' })] },
      });
      const began = process.cpuUsage();
      const response = await fetch(`${shop.url}/box`, {
        method: 'POST',
        headers: { 'content-type': 'application/xml' },
        // Without a body there would be nothing to read.
        body: body === '' ? ' ' : body,
      });
      const problem = (await response.json()) as { reason: string; detail: string };
      assert.equal(response.status, 400, JSON.stringify(problem));
      assert.equal(problem.reason, 'malformed_xml');
      assert.ok(problem.detail.length < 300);
      assertLittleWork(began, 5_000_000);
      assert.equal(shop.contexts.length, 0);
    });
  }

  test('as large as it may be is read or refused within seconds, and one byte more is refused by its size', async (t) => {
    const shop = await runShop(t, {
      contract: box,
      handlers: { keep: () => ({ ok: true }) },
      gateway: { formats: ['json', 'xml'], expose: [expose(box, { keep: 'anyone' })] },
    });
    const fill = (start: string, piece: string, end: string, size = 262_144) => {
      const room = size - start.length - end.length;
      return start + piece.repeat(Math.floor(room / piece.length)) + ' '.repeat(room % piece.length) + end;
    };
    const post = async (body: string | Uint8Array<ArrayBuffer>) => {
      const began = process.cpuUsage();
      const response = await fetch(`${shop.url}/box`, {
        method: 'POST',
        headers: { 'content-type': 'application/xml' },
        body,
      });
      const { reason } = (await response.json()) as { reason?: string };
      assertLittleWork(began, 10_000_000);
      return [response.status, reason];
    };
    assert.deepEqual(await post(`<box><list>${'<i/>'.repeat(9_998)}</list></box>`), [200, undefined]);
    assert.deepEqual(await post(`<box><list>${'<i/>'.repeat(9_999)}</list></box>`), [
      413,
      'too_many_elements',
    ]);
    assert.deepEqual(await post(fill('<box><any>', '&#65;', '</any></box>')), [200, undefined]);
    assert.deepEqual(await post(fill('<box', ' ', '/>')), [200, undefined]);
    assert.deepEqual(await post(fill('', '<a>', '')), [400, 'nested_too_deeply']);
    const attributes = Array.from({ length: 20_000 }, (_, index) => ` a${index}=""`).join('');
    assert.deepEqual(await post(`<box${attributes}/>`), [413, 'too_many_elements']);
    assert.deepEqual(await post(fill('<box><list>', '<i/>', '</list></box>', 262_145)), [
      413,
      'body_too_large',
    ]);
    assert.deepEqual(await post(Uint8Array.of(0x3c, 0x61, 0x2f, 0x3e, 0xff)), [400, 'malformed_xml']);
    assert.deepEqual(await post(new Uint8Array(Buffer.from('\uFEFF<box/>', 'utf16le'))), [
      400,
      'malformed_xml',
    ]);
  });

  test('names like those of JavaScript are names, and reach nobody as anything else', async (t) => {
    const inputs: unknown[] = [];
    const shop = await runShop(t, {
      contract: box,
      handlers: {
        keep: (input: unknown) => {
          inputs.push(input);
          return { ok: true };
        },
      },
      gateway: { formats: ['json', 'xml'], expose: [expose(box, { keep: 'anyone' })] },
    });
    const body =
      '<box><any><__proto__><isAdmin>true</isAdmin></__proto__><constructor><prototype>x</prototype></constructor></any></box>';
    const response = await fetch(`${shop.url}/box`, {
      method: 'POST',
      headers: { 'content-type': 'text/xml' },
      body,
    });
    assert.equal(response.status, 200);
    const { any } = inputs[0] as { any: Record<string, unknown> };
    assert.equal(any['isAdmin'], undefined);
    assert.deepEqual(Object.keys(any), ['__proto__', 'constructor']);
    assert.equal(({} as Record<string, unknown>)['isAdmin'], undefined);
  });
});
