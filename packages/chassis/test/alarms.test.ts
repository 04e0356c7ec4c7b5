import assert from 'node:assert/strict';
import { test } from 'node:test';
import { service, system } from '@banyan/chassis';
import { type BanyanAlarm, contract, event, operation } from '@banyan/contract';
import { ServiceError } from '@banyan/core';
import { eventually } from '@banyan/core/testing';
import { startTestSystem } from '@banyan/testing';
import { z } from 'zod';

const Nothing = z.object({});
const Parcel = z.object({ parcelId: z.string() });

const depot = contract('depot', {
  version: '1.0.0',
  operations: { leave: operation('POST /parcels', { input: Parcel, output: Nothing }) },
  events: { left: event('ParcelLeft', { data: Parcel, key: 'parcelId' }) },
});
const courier = contract('courier', {
  version: '1.0.0',
  operations: { age: operation('POST /ages', { input: Nothing, output: z.object({ waiting: z.int() }) }) },
});
const watch = contract('watch', {
  version: '1.0.0',
  operations: { look: operation('GET /looks', { input: Nothing, output: Nothing }) },
});

test('a service that listens to another one hears when events wait there for too long, and when they no longer do', async (t) => {
  let isOpen = false;
  const heard: { readonly alarm: BanyanAlarm; readonly about: string }[] = [];
  const depotService = service(depot, {
    operations: {
      leave: (parcel, { tx }) =>
        tx(async ({ emit }) => {
          emit('left', parcel);
          return {};
        }),
    },
  });
  const courierService = service(courier, {
    uses: { depot },
    operations: {
      // The test cannot wait for a minute: what has been received is made to have come two minutes ago.
      async age(_, { sql }) {
        const rows =
          await sql`update banyan.inbox set received_at = received_at - interval '2 minutes' returning 1`;
        return { waiting: rows.length };
      },
    },
    on: {
      async 'depot.left'() {
        if (!isOpen) throw new ServiceError('closed', { code: 'unavailable', reason: 'closed' });
      },
    },
  });
  const watchService = service(watch, {
    uses: { courier },
    operations: { look: async () => ({}) },
    on: {
      async 'courier.banyanAlarm'(alarm, { sql, event: { type } }) {
        await sql`select 1`;
        heard.push({ alarm, about: type });
      },
    },
  });
  const running = await startTestSystem(
    t,
    system('alarms', { services: [depotService, courierService, watchService] }),
    { harsh: false },
  );
  await running.client(depot, { service: 'courier' }).leave({ parcelId: 'p-1' });
  await eventually(
    () => running.client(courier, { service: 'watch' }).age({}),
    ({ waiting }) => waiting === 1,
  );
  const [broken] = await eventually(
    async () => heard,
    ({ length }) => length === 1,
  );
  assert.deepEqual(
    { ...broken, alarm: { ...broken?.alarm, ageMs: undefined } },
    {
      about: 'BanyanAlarm',
      alarm: { invariant: 'consumer', state: 'broken', ageMs: undefined, boundMs: 60_000, count: 1 },
    },
  );
  assert.ok((broken?.alarm.ageMs ?? 0) >= 120_000, `${broken?.alarm.ageMs} ms`);
  isOpen = true;
  const [, restored] = await eventually(
    async () => heard,
    ({ length }) => length === 2,
  );
  assert.deepEqual([restored?.alarm.state, restored?.alarm.count], ['restored', 0]);
});

test('an alarm of a service that the listener does not use is refused at definition', () => {
  assert.throws(
    () =>
      service(watch, {
        operations: { look: async () => ({}) },
        on: { ['courier.banyanAlarm' as 'watch.banyanAlarm']: async () => {} },
      }),
    /on 'courier\.banyanAlarm': add 'courier' to 'uses'/,
  );
});
