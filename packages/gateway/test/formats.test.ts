import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { expose, gateway } from '@banyan/gateway';
import fc from 'fast-check';
import { incidents } from './support/incidents.ts';
import { get, north, northAsText, northAsXml, path, put, runIncidents } from './support/running-incidents.ts';
import { runShop } from './support/running-shop.ts';

const seed = Number(process.env['BANYAN_SEED'] ?? Date.now() % 2 ** 31);
process.stdout.write(`BANYAN_SEED=${seed}\n`);

suite('the formats of answers', () => {
  test('are chosen by Accept: quality, precision, wildcards, and the order of preference among equals', async (t) => {
    const shop = await runIncidents(t);
    const cases: readonly (readonly [accept: string | undefined, contentType: string])[] = [
      [undefined, 'application/json'],
      ['', 'application/json'],
      ['*/*', 'application/json'],
      ['*', 'application/json'],
      ['text/json, text/xml, text/plain', 'text/json'],
      ['application/json', 'application/json'],
      ['application/xml', 'application/xml'],
      ['text/xml', 'text/xml'],
      ['text/plain', 'text/plain; charset=utf-8'],
      ['text/*', 'text/plain; charset=utf-8'],
      ['application/*', 'application/json'],
      ['application/*;q=0.5, application/xml', 'application/xml'],
      ['application/json;q=0.2, application/xml;q=0.3, text/plain;q=0.1', 'application/xml'],
      ['application/json;q=0, */*;q=0.1', 'application/xml'],
      ['APPLICATION/XML;Q=1.0', 'application/xml'],
      ['application/xml ; charset="utf-8"', 'application/xml'],
      ['application/json;version=2, text/plain;q=0.1', 'text/plain; charset=utf-8'],
      ['image/png;title="a, application/json", text/xml', 'text/xml'],
      ['text/html, image/gif, *; q=.2, */*; q=.2', 'application/json'],
      ['application/xml;q=2, application/json;q=0.001', 'application/json'],
    ];
    for (const [accept, contentType] of cases) {
      const response = await get(shop, accept);
      assert.equal(response.status, 200, accept);
      assert.equal(response.headers.get('content-type'), contentType, accept);
      assert.equal(response.headers.get('vary'), 'accept');
    }
  });

  test('say the same in JSON, XML and plain text', async (t) => {
    const shop = await runIncidents(t);
    assert.deepEqual(await (await get(shop, 'text/json')).json(), north);
    assert.equal(await (await get(shop, 'text/xml')).text(), northAsXml);
    assert.equal(await (await get(shop, 'text/plain')).text(), northAsText);
  });

  test('a collection is a list of items, and Content-Length is that of the form', async (t) => {
    const shop = await runIncidents(t);
    const response = await get(shop, 'application/xml', '/incidents/A90/stonehaven');
    const text = await response.text();
    assert.equal(response.headers.get('content-length'), String(Buffer.byteLength(text)));
    assert.equal(text.match(/<item><id>/g)?.length, 2);
    assert.match(text, /<severity>significant<\/severity>.*<severity>minor<\/severity>/s);
  });

  test('a request that takes none of them gets 406 with what there is, and no service is asked', async (t) => {
    const shop = await runIncidents(t);
    for (const accept of ['image/png', 'application/json;q=0, application/xml;q=0, text/plain;q=0', ';;;']) {
      const response = await get(shop, accept);
      assert.equal(response.status, 406, accept);
      assert.equal(response.headers.get('content-type'), 'application/problem+json');
      assert.equal(response.headers.get('vary'), 'accept');
      const { reason, details } = (await response.json()) as { reason: string; details: unknown };
      assert.equal(reason, 'not_acceptable');
      assert.deepEqual(details, { available: ['application/json', 'application/xml', 'text/plain'] });
    }
    assert.equal(shop.contexts.length, 0);
  });

  test('refusals are application/problem+xml for who asks for XML', async (t) => {
    const shop = await runIncidents(t);
    const missing = '/incidents/A90/stonehaven/north/7';
    for (const accept of ['text/xml', 'application/xml, */*;q=0.1', 'application/problem+xml, text/plain']) {
      const response = await get(shop, accept, missing);
      assert.equal(response.status, 404, accept);
      assert.equal(response.headers.get('content-type'), 'application/problem+xml');
      const traceId = response.headers.get('x-trace-id');
      assert.equal(
        await response.text(),
        `<?xml version="1.0" encoding="UTF-8"?>
<problem xmlns="urn:ietf:rfc:7807"><type>urn:problem:noSuchIncident</type><title>No such incident</title><status>404</status>\
<detail>There is no such incident.</detail><code>not_found</code><reason>noSuchIncident</reason>\
<details><known type="array"><i type="number">1</i></known></details><declared>true</declared><traceId>${traceId}</traceId></problem>
`,
      );
    }
    const json = await get(shop, '*/*', missing);
    assert.equal(json.headers.get('content-type'), 'application/problem+json');
    const nowhere = await get(shop, 'text/xml', '/nowhere');
    assert.equal(nowhere.status, 404);
    assert.equal(nowhere.headers.get('content-type'), 'application/problem+xml');
  });

  test('each form of an answer that is kept has a validator of its own', async (t) => {
    const shop = await runIncidents(t, { maxAgeS: 60 });
    const tags = new Map<string, string>();
    for (const accept of ['application/json', 'application/xml', 'text/plain']) {
      const response = await get(shop, accept);
      await response.arrayBuffer();
      assert.equal(response.headers.get('vary'), 'accept');
      tags.set(accept, response.headers.get('etag') ?? '');
    }
    assert.equal(new Set(tags.values()).size, 3);
    // One call was enough for all of them.
    assert.equal(shop.contexts.length, 1);
    for (const [accept, etag] of tags) {
      for (const [other, otherTag] of tags) {
        const response = await fetch(shop.url + path, { headers: { accept, 'if-none-match': otherTag } });
        await response.arrayBuffer();
        assert.equal(response.status, accept === other ? 304 : 200, `${accept} with ${otherTag}`);
        assert.equal(response.headers.get('etag'), etag);
      }
    }
  });

  test('any Accept is answered or refused at once, whatever it is', async (t) => {
    const shop = await runIncidents(t);
    const hard = [
      `a/b${';  '.repeat(5_000)}!`,
      `a/b${' '.repeat(15_000)}!`,
      `a/b;x="${'"'.repeat(15_000)}`,
      `${'a'.repeat(15_000)}=`,
      ','.repeat(15_000),
      `${'*/*;q=0.1,'.repeat(1_500)}text/xml`,
      `a/b${';a=b'.repeat(3_500)}"`,
    ];
    for (const accept of hard) {
      const began = process.cpuUsage();
      const response = await get(shop, accept);
      await response.arrayBuffer();
      assert.ok([200, 406].includes(response.status), accept.slice(0, 20));
      // Work is what counts, and not how long the machine stalled.
      const { user, system } = process.cpuUsage(began);
      assert.ok(user + system < 5_000_000, `${accept.slice(0, 20)}: ${user + system} µs`);
    }
    const piece = fc.oneof(
      fc.constantFrom(
        '*',
        '/',
        ',',
        ';',
        'q',
        '=',
        '0',
        '.',
        '1',
        'text',
        'xml',
        'application',
        'json',
        '"',
        ' ',
        '\t',
        '-',
        '\\',
      ),
      fc.string({ unit: 'grapheme-ascii', maxLength: 3 }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(piece, { maxLength: 16 }), async (pieces) => {
        const response = await get(shop, pieces.join(''));
        await response.arrayBuffer();
        assert.ok([200, 406].includes(response.status));
      }),
      { numRuns: 300, seed },
    );
  });

  test('a gateway that names none answers JSON whatever is asked for', async (t) => {
    const shop = await runShop(t);
    const response = await fetch(`${shop.url}/products`, { headers: { accept: 'text/xml' } });
    assert.equal(response.status, 200);
    assert.equal(response.headers.get('content-type'), 'application/json');
    assert.equal(response.headers.get('vary'), null);
    await response.arrayBuffer();
  });

  test('a route may have others than its gateway, and the documents list them', async (t) => {
    const shop = await runShop(t, {
      contract: incidents,
      handlers: { getIncident: () => north, listIncidents: () => ({ incidents: [] }) },
      gateway: {
        formats: ['json', 'xml'],
        expose: [
          expose(incidents, {
            getIncident: { access: 'anyone', formats: ['text', 'json'] },
            replaceIncident: 'anyone',
          }),
        ],
      },
    });
    const response = await get(shop, undefined);
    assert.equal(await response.text(), northAsText);
    assert.equal((await get(shop, 'application/xml')).status, 406);
    const document = (await (await fetch(`${shop.url}/openapi.json`)).json()) as OpenApi;
    const { get: read, put: write } = document.paths['/incidents/{road}/{place}/{direction}/{number}'] ?? {};
    assert.deepEqual(Object.keys(read?.responses['200']?.content ?? {}), ['text/plain', 'application/json']);
    assert.deepEqual(read?.responses['200']?.content?.['text/plain'], { schema: { type: 'string' } });
    assert.deepEqual(Object.keys(read?.responses['404']?.content ?? {}), ['application/problem+json']);
    assert.deepEqual(read?.responses['406'], { $ref: '#/components/responses/NotAcceptable' });
    assert.deepEqual(Object.keys(write?.requestBody?.content ?? {}), ['application/json', 'application/xml']);
  });

  test('text has nothing that a terminal would take for an order', async (t) => {
    const shop = await runShop(t, {
      contract: incidents,
      handlers: { getIncident: () => ({ ...north, notes: ['\u001B[2Jgone\u0007', 'two\r\nlines', ''] }) },
      gateway: { formats: ['text'], expose: [expose(incidents, { getIncident: 'anyone' })] },
    });
    const text = await (await get(shop, undefined)).text();
    assert.equal(
      text.slice(text.indexOf('notes')),
      'notes:\n  - \uFFFD[2Jgone\uFFFD\n  - two\n    lines\n  - \n',
    );
  });
});

interface OpenApi {
  readonly paths: Readonly<
    Record<
      string,
      Readonly<
        Record<
          string,
          {
            readonly requestBody?: { readonly content: object };
            readonly responses: Readonly<
              Record<string, { readonly content?: Readonly<Record<string, unknown>> }>
            >;
          }
        >
      >
    >
  >;
}

suite('the formats of bodies', () => {
  test('a PUT with XML reaches the service as the JSON that it stands for', async (t) => {
    const shop = await runIncidents(t);
    const body = `\uFEFF<?xml version="1.0" encoding="utf-8"?>
<!-- any name, any prefix, any indentation -->
<r:incident xmlns:r="urn:roads" colour="ignored">
  <r:severity>minor</r:severity>
  <r:lanesClosed> 1 </r:lanesClosed>
  <r:isCleared>true</r:isCleared>
  <r:delayMinutes xmlns:i="http://www.w3.org/2001/XMLSchema-instance" i:nil="true"/>
  <r:notes><r:item>one &amp; <![CDATA[<two>]]></r:item><r:item/></r:notes>
  <r:at><r:latitude>56.96</r:latitude><r:longitude>-2.21</r:longitude></r:at>
  <r:measured><r:entry name="wind speed">5</r:entry><r:rain type="number">2.5</r:rain></r:measured>
</r:incident>`;
    for (const type of ['application/xml', 'text/xml', 'application/xml; charset=UTF-8']) {
      const response = await put(shop, type, body);
      assert.equal(response.status, 200, await response.text());
      assert.deepEqual(shop.written.pop(), {
        road: 'A90',
        place: 'stonehaven',
        direction: 'north',
        number: 1,
        severity: 'minor',
        lanesClosed: 1,
        isCleared: true,
        delayMinutes: null,
        notes: ['one & <two>', ''],
        at: { latitude: 56.96, longitude: -2.21 },
        measured: { 'wind speed': '5', rain: 2.5 },
      });
    }
  });

  test('what the service answers in XML can be sent back as it is', async (t) => {
    const shop = await runIncidents(t);
    const response = await put(shop, 'application/xml', await (await get(shop, 'application/xml')).text());
    assert.deepEqual(await response.json(), { ...north, number: 1 });
  });

  test('a value of the wrong type is refused by its path, in XML as in JSON', async (t) => {
    const shop = await runIncidents(t);
    const response = await put(shop, 'application/xml', northAsXml.replace('>2<', '>two<'));
    assert.equal(response.status, 400);
    const { reason, details } = (await response.json()) as {
      reason: string;
      details: { issues: { path: string }[] };
    };
    assert.equal(reason, 'invalid_input');
    assert.deepEqual(
      details.issues.map(({ path: at }) => at),
      ['/lanesClosed'],
    );
  });

  test('an unknown type gets 415 that says what is taken', async (t) => {
    const shop = await runIncidents(t);
    for (const type of [
      'text/plain',
      'application/x-www-form-urlencoded',
      'application/xml; charset=utf-16',
      'application/xhtml+xml',
      'image/png',
      '',
    ]) {
      const response = await put(shop, type, northAsXml);
      assert.equal(response.status, 415, type);
      assert.equal(response.headers.get('accept'), 'application/json, application/xml');
      await response.arrayBuffer();
    }
    const posted = await fetch(`${shop.url}/incidents/A90/stonehaven`, {
      method: 'POST',
      headers: { 'content-type': 'text/csv' },
      body: 'a,b',
    });
    assert.equal(posted.status, 415);
    assert.equal(posted.headers.get('accept-post'), 'application/json, application/xml');
    const jsonOnly = await runIncidents(t, { formats: ['json'] });
    const refused = await put(jsonOnly, 'application/xml', northAsXml);
    assert.equal(refused.status, 415);
    assert.equal(refused.headers.get('accept'), 'application/json');
    assert.deepEqual(shop.written, []);
  });

  test('JSON is taken as before', async (t) => {
    const shop = await runIncidents(t);
    assert.equal((await put(shop, 'application/json', JSON.stringify(north))).status, 200);
    assert.equal((await put(shop, 'application/json', '{')).status, 400);
  });
});

test('a list of formats that is none is refused when the gateway is defined', () => {
  const options = { expose: [] };
  for (const formats of [[], ['yaml'], ['json', 'json'], 'json']) {
    assert.throws(
      () => gateway({ ...options, formats: formats as never }),
      /'formats' needs a list of 'json', 'xml', 'text'/,
    );
    assert.throws(
      () => expose(incidents, { getIncident: { access: 'anyone', formats: formats as never } }),
      /'getIncident' needs a list/,
    );
  }
});
