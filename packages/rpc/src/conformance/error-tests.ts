import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ServiceError } from '@banyan/core';
import type { Bench } from './bench.ts';

function refusal(reason: string, status: number, details?: unknown): ServiceError {
  return new ServiceError('Refused.', {
    code: 'failed_precondition',
    reason,
    status,
    details,
    declared: true,
  });
}

/** The three outcomes, never mixed up. */
export function describeErrors(bench: Bench): void {
  const failingWith = (error: unknown) => bench.open(() => Promise.reject(error));

  test('a declared refusal arrives with name, status and data', async () => {
    const caller = await failingWith(refusal('tooMuch', 409, { limit: 3 }));
    await assert.rejects(caller.call('act', {}), {
      name: 'ServiceError',
      declared: true,
      reason: 'tooMuch',
      status: 409,
      code: 'failed_precondition',
      message: 'Refused.',
      details: { limit: 3 },
    });
  });

  test('a refusal that the operation does not declare is an internal error', async () => {
    const strangers = [
      refusal('elsewhere', 409),
      refusal('tooMuch', 402, { limit: 3 }),
      refusal('tooMuch', 409, { limit: 'many' }),
      refusal('toString', 409),
    ];
    for (const error of strangers) {
      const caller = await failingWith(error);
      await assert.rejects(caller.call('act', {}), {
        code: 'internal',
        reason: 'undeclared_refusal',
        declared: false,
      });
    }
  });

  test('an unknown error tells the caller nothing', async () => {
    const secret = new Error('password=hunter2');
    for (const thrown of [secret, 'hunter2', { message: 'hunter2' }, undefined, null]) {
      const caller = await failingWith(thrown);
      const error: unknown = await caller.call('act', {}).catch((rejection) => rejection);
      assert.ok(error instanceof ServiceError);
      assert.equal(error.code, 'internal');
      assert.equal(error.reason, 'unexpected_error');
      assert.equal(error.message.includes('hunter2'), false);
      assert.equal(error.details, undefined);
    }
  });

  test('a platform error of the handler passes with code and reason', async () => {
    const thrown = new ServiceError('Not now.', {
      code: 'failed_precondition',
      reason: 'not_now',
      details: { why: 1 },
    });
    const caller = await failingWith(thrown);
    await assert.rejects(caller.call('act', {}), {
      code: 'failed_precondition',
      reason: 'not_now',
      message: 'Not now.',
      details: { why: 1 },
      declared: false,
    });
  });

  test('what a handler did wrong in a call of its own is not blamed on its caller', async () => {
    for (const reason of ['invalid_input', 'missing_service_token', 'unknown_operation']) {
      const caller = await failingWith(new ServiceError('inner', { code: 'invalid_argument', reason }));
      await assert.rejects(caller.call('act', {}), { code: 'internal', reason: 'unexpected_error' });
    }
  });

  test('a handler that failed has started, whatever its own calls say', async () => {
    const caller = await failingWith(
      new ServiceError('inner', {
        code: 'unavailable',
        reason: 'circuit_open',
        notStarted: true,
        retryAfterMs: 60_000,
      }),
    );
    await assert.rejects(caller.call('act', {}), {
      code: 'unavailable',
      reason: 'circuit_open',
      notStarted: false,
    });
  });

  test('input that the schema refuses is an invalid_argument that names the place', async () => {
    const caller = await bench.open(() => assert.fail('the handler must not run'));
    await assert.rejects(caller.call('act', { step: 5 }), (error: ServiceError) => {
      assert.equal(error.code, 'invalid_argument');
      assert.equal(error.reason, 'invalid_input');
      assert.equal((error.details as { issues: { path: string }[] }).issues[0]?.path, '/step');
      return true;
    });
    await assert.rejects(caller.call('find', { thingId: 'x', limit: 101 }), { reason: 'invalid_input' });
    for (const input of [null, 5, 'text', []]) {
      await assert.rejects(caller.call('act', input), { code: 'invalid_argument' });
    }
  });

  test('output that the schema refuses is an internal error without its content', async () => {
    const caller = await bench.open(async () => ({ done: 'hunter2' }));
    const error: unknown = await caller.call('act', {}).catch((rejection) => rejection);
    assert.ok(error instanceof ServiceError);
    assert.equal(error.reason, 'invalid_output');
    assert.equal(error.code, 'internal');
    assert.equal(JSON.stringify([error.message, error.details]).includes('hunter2'), false);
  });

  test('an unknown operation is refused', async () => {
    const caller = await bench.open(async () => ({ done: true }));
    for (const name of ['nothing', 'toString', '__proto__', '']) {
      await assert.rejects(caller.call(name, {}), { code: 'unimplemented', reason: 'unknown_operation' });
    }
  });
}
