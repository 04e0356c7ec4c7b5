import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  codeOfHttpStatus,
  createErrorFactory,
  fromProblem,
  httpStatusOfCode,
  isServiceError,
  ServiceError,
  toProblem,
  toServiceError,
} from '@banyan/core';

test('an error of a table has the code of its reason, and its text unless the place says more', () => {
  const shelfError = createErrorFactory({
    shelf_empty: { code: 'failed_precondition', text: 'Nothing is left.' },
    shelf_locked: { code: 'permission_denied', text: 'The shelf is locked.' },
  });
  const empty = shelfError('shelf_empty');
  assert.ok(isServiceError(empty));
  assert.deepEqual(
    [empty.code, empty.reason, empty.message, empty.cause],
    ['failed_precondition', 'shelf_empty', 'Nothing is left.', undefined],
  );
  const cause = new Error('no key');
  const locked = shelfError('shelf_locked', { message: 'Shelf 7 is locked.', cause, status: 423 });
  assert.deepEqual(
    [locked.code, locked.message, locked.cause, locked.status],
    ['permission_denied', 'Shelf 7 is locked.', cause, 423],
  );
});

test('a problem says what a caller may know, and its reader gets the same error', () => {
  const error = new ServiceError('Only 1 left.', {
    code: 'failed_precondition',
    reason: 'soldOut',
    status: 422,
    details: { left: 1 },
    declared: true,
    retryAfterMs: 500,
    notStarted: true,
    cause: new Error('secret'),
  });
  const problem = toProblem(error, 'trace-1');
  assert.deepEqual(problem, {
    type: 'urn:problem:soldOut',
    title: 'Sold out',
    status: 422,
    detail: 'Only 1 left.',
    code: 'failed_precondition',
    reason: 'soldOut',
    details: { left: 1 },
    declared: true,
    retryAfterMs: 500,
    notStarted: true,
    traceId: 'trace-1',
  });
  const read = fromProblem(JSON.parse(JSON.stringify(problem)), 422);
  assert.ok(isServiceError(read));
  assert.deepEqual(toProblem(read, 'trace-1'), problem);
  assert.equal(read.cause, undefined);
});

test('what nobody foresaw is a bare internal error, whatever was thrown', () => {
  for (const thrown of [
    new Error('secret'),
    'secret',
    undefined,
    null,
    { code: 'not_found', reason: 'secret' },
  ]) {
    const error = toServiceError(thrown);
    assert.equal(error.cause, thrown);
    assert.deepEqual(toProblem(thrown), {
      type: 'urn:problem:unexpected_error',
      title: 'Unexpected error',
      status: 500,
      detail: 'The service could not handle the request.',
      code: 'internal',
      reason: 'unexpected_error',
    });
  }
  const known = new ServiceError('x', { code: 'not_found', reason: 'order_unknown' });
  assert.equal(toServiceError(known), known);
});

test('an error of another copy of the package is recognised', async () => {
  const copy = (await import(`../src/errors.ts?copy=${Date.now()}`)) as { ServiceError: typeof ServiceError };
  const foreign = new copy.ServiceError('x', { code: 'not_found', reason: 'order_unknown' });
  assert.deepEqual([foreign instanceof ServiceError, isServiceError(foreign)], [false, true]);
});

test('a body that is no problem document has the code of its status', () => {
  const whole = { code: 'aborted', reason: 'conflict', status: 409, title: 'Conflict' };
  const bodies = [null, 'Bad Gateway', [], {}, { ...whole, code: 'toString' }, { ...whole, status: '409' }];
  for (const body of bodies) {
    const { code, reason, status } = fromProblem(body, 502);
    assert.deepEqual([code, reason, status], ['unavailable', 'unexpected_response', 502]);
  }
  assert.equal(fromProblem(whole, 502).code, 'aborted');
});

test('every status has a code, and every code the status that leads back to its class', () => {
  for (const status of Object.values(httpStatusOfCode))
    assert.equal(Math.floor(httpStatusOfCode[codeOfHttpStatus(status)] / 100), Math.floor(status / 100));
  const others = [200, 302, 418, 599].map(codeOfHttpStatus);
  assert.deepEqual(others, ['unknown', 'unknown', 'failed_precondition', 'internal']);
});
