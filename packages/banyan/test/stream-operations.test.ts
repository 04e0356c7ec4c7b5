import assert from 'node:assert/strict';
import { test } from 'node:test';
// What the console shows is asked here without a console.
import { createStreamOperations } from '../src/console/stream-operations.ts';
import { provisioned, services } from './fixtures/two-stores/provisioned.ts';

test('the state of a stream is that after its last event, and a stream is found by its name however long ago it changed', async (t) => {
  const { ports, migrate } = await provisioned(t);
  for (const name of services) await migrate(name);
  const { sql } = (await ports.open('left')).database;
  const append = (stream: string, events: number) => sql`
    insert into banyan.event (stream, revision, version, type, data)
    select ${stream}, n, 1, 'Counted', json_build_object('count', n) from generate_series(0, ${events - 1}::int8) as n`;
  await append('old-1', 1);
  await append('long-1', 10_500);
  const { getStreamState, listStreams, readStream } = createStreamOperations(async () => ports);
  const asker = { by: 'ann', signal: new AbortController().signal };
  assert.deepEqual(await getStreamState({ service: 'left', streamId: 'long-1' }, asker), {
    revision: 10_499,
    state: { count: 10_499 },
  });
  await assert.rejects(getStreamState({ service: 'left', streamId: 'none' }, asker), { reason: 'no_stream' });
  const names = async (text: string) =>
    (await listStreams({ service: 'left', text }, asker)).streams.map(({ streamId }) => streamId);
  assert.deepEqual([await names('ol'), await names('1')], [['old-1'], ['long-1', 'old-1']]);
  const { events } = await readStream({ service: 'left', streamId: 'old-1' }, asker);
  assert.ok(Date.parse(events[0]?.at ?? '') > 0);
  await append('long-1-again', 50_001);
  assert.deepEqual([await names('ol'), await names('old-1')], [[], ['old-1']]);
});
