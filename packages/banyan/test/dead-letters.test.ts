import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Inbox } from '@banyan/events';
// A question is answered here by the test: no terminal of a child process would ask one.
import { events } from '../src/commands/events.ts';
import { provisioned } from './fixtures/two-stores/provisioned.ts';

/** Something that is no event, at this position of the log: dead at once. */
async function letDie(inbox: Inbox, position: string): Promise<void> {
  const { leases } = await inbox.share({ log: 'log', partitions: 1, instance: 'left-1', leaseMs: 60_000 });
  const record = {
    partition: 0,
    position,
    topic: 'right.counted',
    text: '{',
    reason: 'invalid_event: no JSON',
  };
  await inbox.ingest({
    leases,
    topics: ['right.counted'],
    positions: new Map([[0, position]]),
    malformed: [record],
    events: [],
  });
}

test('what dies while the operator is asked about all dead letters is not given up with them', async (t) => {
  const { ports, migrate, terminal, input, output } = await provisioned(t);
  await migrate('left');
  const { inbox } = await ports.open('left');
  await letDie(inbox, '1');
  const asked: string[] = [];
  const confirm = async (question: string) => {
    asked.push(question);
    await letDie(inbox, '2');
    return true;
  };
  const words = { options: { ...input.options, all: true }, positionals: ['discard', 'left'] };
  assert.equal(await events.run(words, { ...terminal, confirm }), 0);
  assert.match(asked.join(), /^Dead letters to give up: 1\./);
  assert.equal(output(), '1 discarded.\n');
  assert.equal((await inbox.counts()).dead, 1);
});
