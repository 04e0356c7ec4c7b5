import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createUserTokenSigner, generateUserKey } from '@banyan/auth';
import { service, system } from '@banyan/chassis';
import { contract, operation } from '@banyan/contract';
import { systemClock } from '@banyan/core';
import { expose, gateway } from '@banyan/gateway';
import { startTestSystem } from '@banyan/testing';
import { z } from 'zod';
import { until } from './support/running-shop.ts';

const Answer = z.object({ count: z.number() });
const Asked = z.object({ region: z.string().default('north') });

const prices = contract('prices', {
  version: '1.0.0',
  operations: {
    partnerPrices: operation('GET /partner-prices', { input: Asked, output: Answer }),
    ownPrices: operation('GET /own-prices', { input: Asked, output: Answer }),
    publicKeys: operation('GET /keys', {
      input: z.object({}),
      output: z.object({ keys: z.array(z.record(z.string(), z.unknown())) }),
    }),
  },
});

const covers = ['prices.partnerPrices', 'prices.ownPrices'];
const partners = { id: 'partners', effect: 'permit', operations: covers, scopes: ['partner'] } as const;
const noSouth = {
  id: 'no-south',
  effect: 'forbid',
  operations: ['prices.partnerPrices'],
  when: [{ value: 'input.region', equals: 'south' }],
} as const;
const noNorth = { ...noSouth, id: 'no-north', when: [{ value: 'input.region', equals: 'north' }] } as const;

const user = { issuer: 'prices', audience: 'prices' };

for (const placement of [[['gateway', 'prices']], [['gateway'], ['prices']]]) {
  const where = placement.length === 1 ? 'in one process' : 'apart from the service';
  test(`a kept answer is given to nobody whom the policies do not let in, ${where}`, async (t) => {
    const privateJwk = await generateUserKey();
    const signer = createUserTokenSigner({ ...user, privateJwk, lifetimeS: 900, clock: systemClock });
    let count = 0;
    const tell = async () => ({ count: ++count });
    const running = await startTestSystem(
      t,
      system('pricing', {
        services: [
          service(prices, {
            keepsRecords: true,
            operations: { partnerPrices: tell, ownPrices: tell, publicKeys: async () => signer.jwks() },
          }),
        ],
        gateway: gateway({
          userTokens: { ...user, keys: [prices, 'publicKeys'] },
          expose: [
            expose(prices, {
              partnerPrices: {
                access: 'user',
                cache: { maxAgeS: 3_600, same: 'everyone', staleWhileRevalidateS: 3_600 },
              },
              ownPrices: { access: 'user', cache: { maxAgeS: 3_600, same: 'user' } },
            }),
          ],
        }),
        policies: { covers, rules: [partners, noSouth] },
      }),
      { placement, harsh: false },
    );
    const get = async (path: string, id: string, scopes: readonly string[]) => {
      const { token } = await signer.sign({ id, scopes });
      const answer = await fetch(`${running.publicUrl}${path}`, {
        headers: { authorization: `Bearer ${token}` },
      });
      const { reason, count: told } = (await answer.json()) as { reason?: string; count?: number };
      const from = (answer.headers.get('cache-status') ?? '').replace(/^banyan; |; ttl=.*/g, '');
      return `${answer.status} ${reason ?? told} ${from}`.trim();
    };
    assert.equal(await get('/partner-prices', 'ann', ['partner']), '200 1 fwd=miss');
    assert.equal(await get('/partner-prices', 'eve', ['partner']), '200 1 hit');
    assert.equal(
      await get('/partner-prices', 'ben', []),
      '403 denied_by_policy',
      'somebody without the scope',
    );
    assert.equal(await get('/own-prices', 'ann', ['partner']), '200 2 fwd=miss');
    assert.equal(await get('/own-prices', 'ann', []), '403 denied_by_policy', 'a token that may do less');
    assert.equal(await get('/partner-prices?region=south', 'ann', ['partner']), '403 denied_by_policy');
    const denials = await running.audits('prices');
    assert.deepEqual(
      denials.map(({ action, caller }) => `${action} ${caller.user}`),
      ['partnerPrices ann', 'ownPrices ann', 'partnerPrices ben'],
      'the service has them on record',
    );

    // The region is in no request, but the schema's default.
    await running.documents.put('policies', {
      value: { covers, rules: [partners, noNorth] },
      expectedVersion: 0,
      by: 'ops',
      why: 'a test',
    });
    await until(
      async () => (await get('/partner-prices', 'ann', ['partner'])) === '403 denied_by_policy',
      'what is forbidden now is not given from the cache',
    );
    assert.equal(await get('/own-prices', 'ann', ['partner']), '200 2 hit', 'what is allowed still is');
    await running.documents.put('policies', {
      value: { covers: [], rules: [] },
      expectedVersion: 1,
      by: 'ops',
      why: 'a test',
    });
    await until(
      async () => (await get('/partner-prices', 'ben', [])) === '200 1 hit',
      'without policies everybody who is signed in may have it',
    );
  });
}
