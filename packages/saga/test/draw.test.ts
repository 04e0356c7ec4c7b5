import assert from 'node:assert/strict';
import { test } from 'node:test';
import { contract, operation } from '@banyan/contract';
import { drawSaga, saga } from '@banyan/saga';
import { noChromium, startPageBrowser } from '@banyan/test-support/page-browser';
import { z } from 'zod';

const accounting = contract('accounting', {
  version: '1.0.0',
  operations: {
    authorize: operation('POST /authorizations', { input: z.object({}), output: z.object({}) }),
  },
});
const createOrder = saga('createOrder', { version: 1, input: z.object({}) }).pivot('authorize', {
  call: accounting.operations.authorize,
  with: () => ({}),
});

test('what is written into the picture of a saga is all to be seen', { skip: noChromium }, async (t) => {
  const id = '01a20020-8bc6-70a2-b854-40b35280c435';
  const steps = { authorize: { s: 'failed', n: 1 } } as const;
  const state = { steps, done: [], round: 0, read: [] };
  const svg = drawSaga(createOrder, { id, state, status: 'compensated' });
  const page = await (await startPageBrowser(t, 'about:blank')).open(t);
  await page.setContent(svg);

  assert.deepEqual(await page.locator('text').allTextContents(), [
    'createOrder@1: compensated',
    id,
    'authorize',
    'accounting.authorize · pivot · failed',
  ]);
  // The words of a box lie in its rectangle, the headings in the picture.
  const cutOff = await page.evaluate(`[...document.querySelectorAll('text')].filter((text) => {
    const around = (text.parentElement.querySelector(':scope > rect')).getBBox();
    const words = text.getBBox();
    return words.x < around.x || words.x + words.width > around.x + around.width;
  }).map(({ textContent }) => textContent)`);
  assert.deepEqual(cutOff, []);
});
