import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isServiceError } from '@banyan/banyan';
import { eventually, startTestSystem } from '@banyan/testing';
import { archive } from '../archive/contract.ts';
import { office } from '../office/contract.ts';
import system from '../system.ts';

const hourMs = 3_600_000;
const placement = [['gateway', 'office'], ['archive']];

test('a link is followed when what it leads to is needed, and not again while that is valid', async (t) => {
  const running = await startTestSystem(t, system, { placement });
  const [desk, files] = [running.client(office), running.client(archive, { service: 'office' })];
  await files.putFile({ fileId: 'deed', text: 'first', validForMs: hourMs });
  const { letterId } = await desk.sendLetter({ words: 'Is it mine?', link: '/files/deed' });
  assert.deepEqual(await files.countReads({ fileId: 'deed' }), { reads: 0 });

  assert.deepEqual(await desk.readLetter({ letterId }), { words: 'Is it mine?', enclosure: 'first' });
  await files.putFile({ fileId: 'deed', text: 'second', validForMs: hourMs });
  assert.equal((await desk.readLetter({ letterId })).enclosure, 'first');
  assert.deepEqual(await files.countReads({ fileId: 'deed' }), { reads: 1 });
  // What is valid needs nobody.
  await running.hosts[1]?.stop();
  assert.equal((await desk.readLetter({ letterId })).enclosure, 'first');
});

test('what a link led to is fetched again when its time is over', async (t) => {
  const running = await startTestSystem(t, system, { placement });
  const [desk, files] = [running.client(office), running.client(archive, { service: 'office' })];
  await files.putFile({ fileId: 'list', text: 'first', validForMs: 50 });
  const { letterId } = await desk.sendLetter({ words: 'Who is on it?', link: '/files/list' });
  assert.equal((await desk.readLetter({ letterId })).enclosure, 'first');
  await files.putFile({ fileId: 'list', text: 'second', validForMs: hourMs });
  await eventually(
    () => desk.readLetter({ letterId }),
    ({ enclosure }) => enclosure === 'second',
  );
  assert.deepEqual(await files.countReads({ fileId: 'list' }), { reads: 2 });
});

test('a link that leads nowhere, or elsewhere, is refused', async (t) => {
  const running = await startTestSystem(t, system, { placement });
  const desk = running.client(office);
  const { letterId } = await desk.sendLetter({ words: 'And this?', link: '/files/nothing' });
  await assert.rejects(desk.readLetter({ letterId }), { reason: 'linkLeadsNowhere' });
  for (const link of ['http://evil.example/files/deed', '/files/../rooms', '/files/', '']) {
    await assert.rejects(desk.sendLetter({ words: 'Open it.', link }), (error: unknown) => {
      assert.ok(isServiceError(error) && error.reason === 'invalid_input', String(error));
      return true;
    });
  }
});
