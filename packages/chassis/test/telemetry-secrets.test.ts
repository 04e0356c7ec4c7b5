import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { service, system } from '@banyan/chassis';
import { contract, event, operation } from '@banyan/contract';
import { expose, gateway } from '@banyan/gateway';
import { createLogger } from '@banyan/telemetry';
import { startOtlpReceiver } from '@banyan/test-support/otlp-receiver';
import { createTestTelemetry } from '@banyan/test-support/test-telemetry';
import { eventually, startTestSystem } from '@banyan/testing';
import { z } from 'zod';

const vault = contract('vault', {
  version: '1.0.0',
  operations: {
    keep: operation('POST /secrets/:token', {
      input: z.object({ token: z.string(), password: z.string(), name: z.string() }),
      output: z.object({}),
    }),
    breakDown: operation('POST /failures', { input: z.object({ text: z.string() }), output: z.object({}) }),
  },
  events: {
    kept: event('SecretKept', { data: z.object({ name: z.string(), password: z.string() }), key: 'name' }),
  },
});

test('no secret is in anything that is exported, wherever it was', async (t) => {
  const planted: string[] = [];
  const plant = () => {
    const secret = `s3cr3t${randomBytes(9).toString('hex')}`;
    planted.push(secret);
    return secret;
  };
  const receiver = await startOtlpReceiver(t);
  const { telemetry, stop } = createTestTelemetry('vault', receiver.url);
  const own = telemetry('1');
  const running = await startTestSystem(
    t,
    system('vault', {
      services: [
        service(vault, {
          migrations: new URL('./fixtures/vault-migrations/', import.meta.url),
          operations: {
            async keep({ token, password, name }, { tx, log }) {
              log.info(`keeping with token=${token}`, {
                token,
                nested: { password },
                url: `redis://u:${password}@h`,
              });
              await tx(async ({ sql, emit }) => {
                await sql`insert into secrets ${sql.rows([{ name, held: password }])}`;
                await sql`select held from secrets where held = ${token}`;
                emit('kept', { name, password });
              });
              return {};
            },
            async breakDown({ text }) {
              throw new Error('the upstream said no', { cause: new Error(text) });
            },
          },
          on: {
            'vault.kept': async ({ name, password }, { sql }) => {
              await sql`update secrets set held = ${password} where name = ${name}`;
            },
          },
        }),
      ],
      gateway: gateway({ expose: [expose(vault, { keep: 'anyone', breakDown: 'anyone' })] }),
    }),
    { telemetry: () => own, logger: createLogger({ sink: () => {}, level: 'debug', onLine: own.onLine }) },
  );
  const send = async (path: string, body: unknown) => {
    const response = await fetch(`${running.publicUrl}${path}?api_key=${plant()}`, {
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
  await send('/failures', { text: `bad token eyJhbGciOiJIUzI1NiJ9.${plant()}.${plant()}` });
  // Not when the handler runs: its span ends behind the commit, and the stop would leave it out.
  await eventually(
    async () => receiver.spans.some(({ name }) => name === 'process vault.kept'),
    (isThere) => isThere,
  );
  await stop();

  const sent = receiver.bodies.join('\n');
  const names = new Set(receiver.spans.map(({ name }) => name));
  for (const name of [
    'vault.keep',
    'INSERT secrets',
    'publish vault.kept',
    'process vault.kept',
    'vault.breakDown',
  ])
    assert.ok(names.has(name), name);
  assert.ok(receiver.spans.some(({ events }) => events.some(({ name }) => name === 'exception')));
  assert.ok(receiver.logs.some(({ body }) => body.startsWith('keeping with token=')));
  assert.deepEqual(
    planted.filter((secret) => sent.includes(secret)),
    [],
  );
});
