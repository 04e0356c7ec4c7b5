import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { eventually } from '@banyan/testing';
import { consoleOf, startSystem } from '../support/running-system.ts';

const directory = fileURLToPath(new URL('./fixtures/vault-system/', import.meta.url));

/** Those of a list, and whatever each leads to. */
const lists: readonly (readonly [path: string, rows: string, one: (row: Row) => string])[] = [
  ['/api/traces?limit=200', 'traces', ({ traceId }) => `/api/traces/${traceId}`],
  ['/api/errors', 'groups', ({ groupId }) => `/api/errors/${groupId}`],
  ['/api/dead-letters', 'deadLetters', ({ service, id }) => `/api/dead-letters/${service}/${id}`],
  ['/api/contracts', 'contracts', ({ service }) => `/api/contracts/${service}`],
];
const others =
  'logs?limit=500 map operations metrics configuration audit consumers outboxes sagas streams system'
    .split(' ')
    .map((name) => `/api/${name}`);

type Row = Readonly<Record<string, string>>;

test('secrets that are planted everywhere are on no page of the console and in no log', async (t) => {
  const planted: string[] = [];
  const plant = () => {
    const secret = `s3cr3t${randomBytes(9).toString('hex')}`;
    planted.push(secret);
    return secret;
  };
  const system = await startSystem(t, {
    directory,
    flags: ['--calm'],
    environment: { CONSOLE_PORT: '0', BANYAN_ALERT_WEBHOOK: `http://127.0.0.1:9/${plant()}` },
  });
  const send = async (path: string, body: unknown) => {
    const response = await fetch(`${system.url}${path}?api_key=${plant()}`, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        authorization: `Bearer ${plant()}`,
        cookie: `session=${plant()}`,
      },
      body: JSON.stringify(body),
    });
    await response.text();
  };
  await send(`/secrets/${plant()}`, { password: plant(), name: 'first' });
  // The same again: the database refuses it, and quotes what is there.
  await send(`/secrets/${plant()}`, { password: plant(), name: 'first' });
  await send('/failures', { text: `postgres://orders:${plant()}@db:5432/orders refused` });
  await send('/failures', { text: `401 for authorization: Bearer ${plant()}` });
  await send('/failures', { text: `{"client_secret":"${plant()}","grant":"x"}` });

  const console = consoleOf(system);
  const read = async (path: string) => {
    const answer = await fetch(`${console}${path}`);
    const text = await answer.text();
    assert.equal(answer.status, 200, `${path}: ${text}`);
    return text;
  };
  // Last of all it becomes a dead letter, when its handler was tried often enough.
  const letters = await eventually(
    () => read('/api/dead-letters'),
    (text) => text.includes('vault.kept'),
    150_000,
  );
  const pages = new Map<string, string>([['/api/dead-letters', letters]]);
  for (const path of others) pages.set(path, await read(path));
  for (const [path, rows, one] of lists) {
    const text = await read(path);
    pages.set(path, text);
    const found = (JSON.parse(text) as Readonly<Record<string, readonly Row[]>>)[rows] ?? assert.fail(path);
    assert.ok(found.length > 0, `${path}: ${text}`);
    for (const row of found) pages.set(one(row), await read(one(row)));
  }
  pages.set('the log file', readFileSync(join(system.dataFolder, 'log', 'banyan.log'), 'utf8'));
  pages.set('the output', system.output());
  for (const said of [
    'keeping with token=[redacted]',
    'the upstream said no',
    '401 of https://vault:[redacted]@',
  ])
    assert.ok(
      [...pages.values()].some((text) => text.includes(said)),
      said,
    );
  const told = [...pages].flatMap(([path, text]) =>
    planted.filter((secret) => text.includes(secret)).map((secret) => `${path}: ${secret}`),
  );
  assert.deepEqual(told, []);
});
