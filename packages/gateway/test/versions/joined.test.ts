import assert from 'node:assert/strict';
import { test } from 'node:test';
import { system } from '@banyan/chassis';
import { contract } from '@banyan/contract';
import { type Access, compose, type Exposure, expose, gateway } from '@banyan/gateway';
import { startTestSystem } from '@banyan/testing';
import { z } from 'zod';
import { camerasOne, camerasTwo, one, two } from '../support/cameras.ts';
import { shop } from '../support/shop.ts';

function screens(access?: Access) {
  return contract('screens', {
    version: '1.0.0',
    operations: {
      camera: compose('GET /screens/:id', {
        input: z.object({ id: z.string() }),
        parts: (none) =>
          none
            .mandatory('old', [camerasOne, 'getCamera'], { input: { id: 'input.id' } })
            .mandatory('now', [camerasTwo, 'getCamera'], {
              input: { cameraId: 'input.id', lens: { value: '50mm' } },
              ...(access === undefined ? undefined : { access }),
            }),
      }),
    },
  });
}

test('a part is asked of the version that it names, whether that one is exposed or not', async (t) => {
  const old = expose(camerasOne, { getCamera: 'anyone' });
  const cases: readonly (readonly Exposure[])[] = [
    [old, expose(camerasTwo, { getCamera: 'anyone' }), expose(screens(), { camera: 'anyone' })],
    [old, expose(screens('anyone'), { camera: 'anyone' })],
  ];
  for (const exposed of cases) {
    const defined = system('screens', { services: [one, two], gateway: gateway({ expose: exposed }) });
    const { publicUrl, stop } = await startTestSystem(t, defined);
    const answer = await fetch(`${publicUrl}/screens/7`);
    assert.deepEqual(await answer.json(), {
      old: { id: '7', model: '001' },
      now: { cameraId: '7', lens: '50mm' },
      missing: [],
    });
    await stop();
  }
});

test('a part has the policy of its own version', () => {
  const declare = (part: Access | undefined, now: Access | undefined) =>
    gateway({
      userTokens: { issuer: 'a', audience: 'a', keys: [shop, 'publicKeys'] },
      expose: [
        expose(camerasOne, { getCamera: 'anyone' }),
        ...(now === undefined ? [] : [expose(camerasTwo, { getCamera: now })]),
        expose(screens(part), { camera: 'anyone' }),
      ],
    });
  assert.throws(() => declare(undefined, { scope: 'staff' }), /is for signed-in users/);
  assert.throws(() => declare('anyone', 'anyone'), /is exposed, so its own policy holds/);
  assert.throws(() => declare(undefined, undefined), /expose 'cameras\.getCamera' of version 2\.0\.0/);
  assert.equal(declare('anyone', undefined).kind, 'edge');
});
