import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { request as httpRequest } from 'node:http';
import { test } from 'node:test';
import fc from 'fast-check';
import { createCustomer } from '../support/customer.ts';
import { seed } from '../support/random.ts';
import { startPhotoPrint } from '../support/running-system.ts';

const inputs = Number(process.env['BANYAN_HOSTILE_INPUTS'] ?? 2_000);
/** Words that would mean that something of the inside has got out. */
const leaks =
  /node_modules|\.ts:\d|\bat [A-Za-z.]+ \(|postgres|svc_|select .* from|ECONN|password=|hunter2|Bearer ey/i;

interface Attempt {
  readonly method: string;
  readonly path: string;
  readonly query: string;
  readonly contentType: string;
  readonly body: string | Uint8Array;
  readonly headers: Readonly<Record<string, string>>;
}

const text = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 40 }),
  fc.constantFrom(
    '',
    '..',
    '%00',
    '%2e%2e%2f',
    "' or 1=1 --",
    '{{7*7}}',
    '<script>',
    '__proto__',
    'constructor',
    'null',
    '-1',
    '1e309',
  ),
  fc.string({ minLength: 2_000, maxLength: 4_000 }),
);
const json = fc.oneof(
  fc.json({ maxDepth: 6 }),
  fc.constantFrom(
    '',
    '{',
    '[]',
    'null',
    '{"__proto__":{"admin":true}}',
    '"x"',
    '[[[[[[[[',
    '1e999',
    '{"a":1,"a":2}',
  ),
  fc
    .record({ loginId: text, password: text, name: text, photoId: text, quantity: fc.anything() })
    .map((value) => {
      try {
        return JSON.stringify(value) ?? '';
      } catch {
        return '{}';
      }
    }),
);

function attempts(routes: readonly { method: string; path: string }[]): fc.Arbitrary<Attempt> {
  return fc
    .record({
      route: fc.constantFrom(...routes),
      names: fc.array(text, { minLength: 2, maxLength: 2 }),
      method: fc.option(
        fc.constantFrom('GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'HEAD', 'TRACE'),
        { freq: 6 },
      ),
      query: fc.oneof(
        { weight: 3, arbitrary: fc.constant('') },
        fc.array(fc.tuple(text, text), { maxLength: 4 }).map(toQuery),
      ),
      contentType: fc.constantFrom(
        'application/json',
        'text/plain',
        'image/jpeg',
        'image/png',
        'multipart/form-data',
        '',
      ),
      body: fc.oneof(json, fc.uint8Array({ maxLength: 3_000 })),
      key: fc.option(text, { freq: 4 }),
    })
    .map(({ route, names, method, query, contentType, body, key }) => ({
      method: method ?? route.method,
      path: route.path.replaceAll(/:[^/]+/g, () => encodeURIComponent(toWellFormed(names.shift() ?? 'x'))),
      query,
      contentType,
      body,
      headers: key === null ? {} : { 'idempotency-key': key.replaceAll(/[^\t\x20-\x7e]/g, '?') },
    }));
}

test(`${inputs} hostile requests: no 5xx, no hang, no leak of internals, memory flat`, async (t) => {
  t.diagnostic(`BANYAN_SEED=${seed}`);
  const system = await startPhotoPrint(t, { flags: ['--calm'] });
  const customer = await createCustomer(system.url);
  const documents = (await (await fetch(`${system.url}/openapi.json`)).json()) as {
    paths: Record<string, object>;
  };
  const routes = Object.entries(documents.paths).flatMap(([path, operations]) =>
    Object.keys(operations).map((method) => ({
      method: method.toUpperCase(),
      path: path.replaceAll(/\{(\w+)\}/g, ':$1'),
    })),
  );
  assert.ok(routes.length > 10);
  const run = (count: number, from: number) =>
    fc.assert(
      fc.asyncProperty(attempts(routes), fc.boolean(), async (attempt, isSignedIn) => {
        const answer = await send(system.url, attempt, isSignedIn ? customer.token : undefined);
        assert.ok(
          answer.status < 500 || answer.status === 501,
          `${answer.status}: ${answer.body.slice(0, 500)}`,
        );
        assert.doesNotMatch(answer.body.slice(0, 20_000), leaks);
      }),
      { numRuns: count, seed: from, endOnFailure: true },
    );
  const pid = system.process.pid ?? 0;
  await run(Math.ceil(inputs / 2), seed);
  const before = residentMb(pid);
  await run(Math.floor(inputs / 2), seed + 1);
  const after = residentMb(pid);
  assert.ok(after < before * 1.3 + 50, `resident memory grew from ${before} to ${after} MB`);
  assert.equal((await fetch(`${system.url}/health/ready`)).status, 200);
});

/** By node:http, because `fetch` refuses to send most of what is hostile. */
function send(
  url: string,
  attempt: Attempt,
  token: string | undefined,
): Promise<{ status: number; body: string }> {
  return new Promise((resolve, reject) => {
    const { port } = new URL(url);
    const outgoing = httpRequest(
      {
        host: '127.0.0.1',
        port,
        method: attempt.method,
        path: `${attempt.path}${attempt.query === '' ? '' : `?${attempt.query}`}`,
        headers: {
          ...(attempt.contentType === '' ? undefined : { 'content-type': attempt.contentType }),
          ...(token === undefined ? undefined : { authorization: `Bearer ${token}` }),
          ...attempt.headers,
        },
        timeout: 15_000,
      },
      (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('end', () =>
          resolve({ status: response.statusCode ?? 0, body: Buffer.concat(chunks).toString() }),
        );
        response.on('error', reject);
      },
    );
    outgoing.on('timeout', () =>
      outgoing.destroy(new Error(`no answer to ${attempt.method} ${attempt.path}`)),
    );
    outgoing.on('error', (error: NodeJS.ErrnoException) => {
      // The server may refuse and close while the body is still on its way.
      if (error.code === 'EPIPE' || error.code === 'ECONNRESET') resolve({ status: 400, body: '' });
      else reject(error);
    });
    outgoing.end(['GET', 'HEAD', 'TRACE'].includes(attempt.method) ? undefined : attempt.body);
  });
}

function toQuery(pairs: readonly (readonly [string, string])[]): string {
  return pairs
    .map(
      ([name, value]) =>
        `${encodeURIComponent(toWellFormed(name))}=${encodeURIComponent(toWellFormed(value))}`,
    )
    .join('&');
}

function toWellFormed(value: string): string {
  return value.toWellFormed() === '' ? 'x' : value.toWellFormed();
}

function residentMb(pid: number): number {
  const [, kilobytes] = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
  return Math.round(Number(kilobytes) / 1024);
}
