import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ServiceError } from '@banyan/core';
// Everything that lists over services asks them through it.
import { askServices } from '../src/ask-services.ts';

test('a list over all services leaves out one that refuses, and hides no bug', async () => {
  const ask = (problem: Error) => async (name: string) => {
    if (name === 'right') throw problem;
    return [name];
  };
  const all = ['left', 'right'];
  const away = new ServiceError('The database is away.', {
    code: 'unavailable',
    reason: 'database_unavailable',
  });
  assert.deepEqual(await askServices({ named: [], all }, ask(away)), {
    answers: ['left'],
    leftOut: [{ service: 'right', reason: 'database_unavailable' }],
  });
  await assert.rejects(askServices({ named: [], all }, ask(new TypeError('a bug'))), TypeError);
});
