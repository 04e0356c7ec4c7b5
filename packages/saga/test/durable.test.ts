import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { Client } from '@banyan/chassis';
import { eventually } from '@banyan/core/testing';
import { startTestSystem, type TestSystem } from '@banyan/testing';
import { albums, faults, photoShop, prints } from './fixtures/albums.ts';

const as = { service: 'probe', timeoutMs: 60_000 };
const situations = {
  'in one process': { placement: [['albums', 'prints', 'probe']], harsh: false },
  'split, each run again after each entry': { placement: [['albums', 'probe'], ['prints']], harsh: true },
};

for (const [name, { placement, harsh }] of Object.entries(situations)) {
  describe(`durable functions ${name}`, () => {
    let client: Client<typeof albums>;
    let system: TestSystem;
    const closing: (() => unknown)[] = [];
    before(async () => {
      const t = { after: (close: unknown) => void closing.push(close as () => unknown) };
      system = await startTestSystem(t as Parameters<typeof startTestSystem>[0], photoShop, {
        placement,
        harsh,
      });
      client = system.client(albums, as);
    });
    after(async () => {
      for (const close of closing) await close();
    });
    const begin = async (fn: string, albumId: string, photos: string[] = []) =>
      (await client.begin({ fn, albumId, photos })).id;
    const ended = (id: string) => client.ended({ id, waitMs: 20_000 });
    const printed = (albumId: string) => system.client(prints, as).list({ albumId });
    const notes = (albumId: string) => client.notes({ albumId });

    test('a durable function calls, writes and returns as its code says', async () => {
      const beganAt = Date.now();
      const id = await begin('printAll', 'a1', ['x', 'y', 'z']);
      const { status, result, progress, progressText } = await ended(id);
      assert.equal(status, 'completed');
      const {
        printed: count,
        startedAt,
        ticket,
      } = result as { printed: number; startedAt: number; ticket: string };
      assert.equal(count, 3);
      assert.ok(startedAt >= beganAt && startedAt <= Date.now());
      assert.match(ticket, /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
      assert.deepEqual([progress, progressText], [1, '3 of 3']);
      assert.deepEqual(
        (await printed('a1')).map(({ photo }) => photo),
        ['x', 'y', 'z'],
      );
      assert.deepEqual(await notes('a1'), ['printed 3']);
    });

    test('what is refused is thrown into the function, typed, and it undoes what it did', async () => {
      const { status, failure } = await ended(await begin('printAll', 'a2', ['x', 'none']));
      assert.equal(status, 'failed');
      assert.equal(failure?.kind, 'refused');
      assert.deepEqual(await printed('a2'), [{ photo: 'x', state: 'discarded' }]);
      assert.deepEqual(await notes('a2'), []);
    });

    test('calls and pieces of work that run at once each happen once', async () => {
      const photos = Array.from({ length: 8 }, (_, index) => `p${index}`);
      const { status, result } = await ended(await begin('printTogether', 'a3', photos));
      assert.equal(status, 'completed');
      assert.deepEqual(
        result,
        photos.map((photo) => `after ${photo}`),
      );
      assert.deepEqual((await printed('a3')).map(({ photo }) => photo).sort(), photos);
      assert.equal((await notes('a3')).length, 16);
    });

    test('the same idempotency key starts a durable function once', async () => {
      const start = { fn: 'printAll', albumId: 'a4', photos: ['x'], key: `key a4 ${name}` };
      const started = await Promise.all(Array.from({ length: 10 }, () => client.begin(start)));
      assert.equal(new Set(started.map(({ id }) => id)).size, 1);
      assert.equal((await ended(started[0]?.id ?? '')).status, 'completed');
      assert.equal((await printed('a4')).length, 1);
    });

    test('a signal may come early, and what does not fit it is thrown', async () => {
      const id = await begin('approval', 'a5');
      await eventually(
        () => client.ended({ id }),
        ({ waitingFor }) => waitingFor.includes('approved'),
      );
      await client.signal({ id, name: 'approved', data: { by: 'anna' } });
      assert.deepEqual((await ended(id)).result, 'anna');
      const other = await begin('approval', 'a6');
      await client.signal({ id: other, name: 'approved', data: { by: 7 } });
      const { status, failure } = await ended(other);
      assert.deepEqual([status, failure?.kind], ['failed', 'fault']);
      assert.deepEqual(await notes('a6'), ['asked', 'withdrawn, false']);
    });

    test('a cancel interrupts what the function waits for, and it may still undo', async () => {
      const id = await begin('approval', 'a7');
      await eventually(
        () => client.ended({ id }),
        ({ waitingFor }) => waitingFor.includes('approved'),
      );
      await client.cancel({ id });
      const { status, failure } = await ended(id);
      assert.deepEqual([status, failure?.kind], ['failed', 'cancelled']);
      assert.deepEqual(await notes('a7'), ['asked', 'withdrawn, true']);
    });

    test('the deadline interrupts a function that sleeps', async () => {
      const { status, failure } = await ended(await begin('hurried', 'a8'));
      assert.deepEqual([status, failure?.kind], ['failed', 'deadline']);
      assert.deepEqual(await notes('a8'), ['durable_deadline']);
    });

    test('a function runs sagas and functions of its service as children', async () => {
      const { status, result } = await ended(await begin('parent', 'a9', ['x', 'y']));
      assert.equal(status, 'completed');
      assert.deepEqual(result, [2, 'string']);
      assert.deepEqual((await notes('a9')).sort(), ['inner saga', 'printed 2']);
      const failed = await ended(await begin('parent', 'a10', ['1', '2', '3', '4']));
      assert.equal(failed.status, 'failed');
    });

    test('a function that waits for what no journal knows of is stopped', async () => {
      const id = await begin('adrift', 'a11');
      const { status, failure } = await ended(id);
      assert.equal(status, 'stuck');
      assert.match(
        failure?.reason ?? '',
        /^After tx 'note' \(.*albums\.ts:\d+\) the function waits for something/,
      );
      assert.deepEqual(await notes('a11'), ['one']);
    });

    test('a mistake in the code is no ending: the function is stuck at its line', async () => {
      const { status, failure } = await ended(await begin('mistaken', 'a14'));
      assert.equal(status, 'stuck');
      assert.match(failure?.reason ?? '', /albums\.ts:\d+: TypeError: there is no such photo/);
      assert.deepEqual(await notes('a14'), ['one']);
    });

    test(`code that does not repeat itself ${harsh ? 'shows' : 'does not show'} at its first answer`, async () => {
      const { status, failure } = await ended(await begin('haphazard', 'a15'));
      assert.equal(status, harsh ? 'stuck' : 'completed');
      if (harsh) {
        assert.match(
          failure?.reason ?? '',
          /albums\.ts:\d+: the code asks for call 'prints\.print' with another input as its command 0/,
        );
      }
      assert.equal((await printed('a15')).length, 1);
    });

    test('a journal has a limit, and says what to do', async () => {
      const { status, failure } = await ended(await begin('long', 'a12'));
      assert.equal(status, 'stuck');
      assert.match(failure?.reason ?? '', /10 entries.*d\.child.*maxEntries/);
      assert.equal((await notes('a12')).length, 10);
    });

    if (placement.length > 1) return;

    test('a call that is given up has not happened, or its reply is the answer', async () => {
      const { promise: shut, resolve: open } = Promise.withResolvers<void>();
      faults.set('print slow', () => shut);
      const id = await begin('impatient', 'a13');
      const { status, result } = await ended(id);
      open();
      faults.delete('print slow');
      assert.deepEqual([status, result], ['completed', 'deadline_exceeded']);
      assert.deepEqual(await printed('a13'), []);
    });
  });
}
