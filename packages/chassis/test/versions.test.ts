import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type OpenCircuit, service, system } from '@banyan/chassis';
import { contract, event, operation } from '@banyan/contract';
import { saga } from '@banyan/saga';
import { startTestSystem, until } from '@banyan/testing';
import { z } from 'zod';

const Answer = z.object({ version: z.string() });
const Empty = z.object({});

function clock(version: string) {
  return contract('clock', {
    version,
    operations: { tell: operation('GET /time', { input: Empty, output: Answer }) },
  });
}
function clockService(version: string, name?: string) {
  return service(clock(version), {
    ...(name === undefined ? undefined : { name }),
    operations: { tell: async () => ({ version }) },
  });
}
const desk = contract('desk', {
  version: '1.0.0',
  operations: {
    ask: operation('GET /ask', { input: Empty, output: z.object({ old: Answer, recent: Answer }) }),
  },
});
const deskService = service(desk, {
  uses: { oldClock: clock('1.0.0'), clock: clock('2.1.0') },
  operations: {
    ask: async (_, { call }) => ({ old: await call.oldClock.tell({}), recent: await call.clock.tell({}) }),
  },
});

const services = [
  clockService('1.0.0'),
  clockService('1.4.0', 'clock-1-4'),
  clockService('2.0.0', 'clock-v2'),
  deskService,
];
const names = services.map(({ name }) => name);

for (const placement of [[names], names.map((name) => [name])]) {
  const where = placement.length === 1 ? 'in one process' : 'all apart';
  test(`a service reaches the newest version that is compatible with the one it uses, ${where}`, async (t) => {
    const defined = system('clocks', { services });
    const running = await startTestSystem(t, { ...defined, gateway: edgeOf() }, { placement });
    const answer = await running.client(desk, { service: 'gateway' }).ask({});
    assert.deepEqual(answer, { old: { version: '1.4.0' }, recent: { version: '2.0.0' } });
    for (const { part, ready } of await (running.hosts[0]?.health() ?? [])) assert.equal(ready, true, part);
  });
}

test('a circuit is that of one version: calls to the others go on, and it is told whose it is', async (t) => {
  const hang = () => new Promise<never>(() => {});
  const slowClock = service(clock('2.0.0'), { name: 'clock-v2', operations: { tell: hang } });
  const teller = contract('teller', {
    version: '1.0.0',
    operations: {
      old: operation('GET /old', { input: Empty, output: Answer }),
      recent: operation('GET /recent', { input: Empty, output: Answer }),
    },
  });
  const tellerService = service(teller, {
    uses: { old: clock('1.0.0'), recent: clock('2.0.0') },
    operations: {
      old: (_, { call }) => call.old.tell({}),
      recent: (_, { call }) => call.recent.tell({}, { timeoutMs: 100 }),
    },
  });
  const probe = service(contract('probe', { version: '1.0.0', operations: {} }), {
    uses: { teller },
    operations: {},
  });
  let circuits: readonly OpenCircuit[] = [];
  const defined = system('clocks', { services: [clockService('1.0.0'), slowClock, tellerService, probe] });
  const placement = [['teller', 'probe'], ['clock'], ['clock-v2']];
  const onCircuits = (now: readonly OpenCircuit[]) => {
    // The first: it may be half open by the time it is looked at.
    if (circuits.length === 0) circuits = now;
  };
  const running = await startTestSystem(t, defined, { placement, onCircuits, harsh: false });
  const client = running.client(teller, { service: 'probe', timeoutMs: 60_000 });
  await until(async () => {
    await assert.rejects(client.recent({}));
    return circuits.length > 0;
  }, 'the circuit is open');
  assert.deepEqual(circuits, [{ from: 'teller', to: 'clock-v2', version: '2', state: 'open' }]);
  assert.deepEqual(await client.old({}), { version: '1.0.0' });
});

const safe = (version: string, operations: readonly string[]) =>
  contract('safe', {
    version,
    operations: Object.fromEntries(
      operations.map((name) => [name, operation(`POST /${name}`, { input: Empty, output: Answer })]),
    ),
  });
const safes = [
  { name: 'safe', user: 'clerk', version: '1.0.0', operations: ['open', 'burn'] },
  { name: 'safe-v2', user: 'robot', version: '2.0.0', operations: ['open', 'melt'] },
] as const;

for (const placement of [
  [['clerk', 'robot', 'safe', 'safe-v2']],
  [['clerk', 'robot'], ['safe'], ['safe-v2']],
]) {
  const where = placement.length === 1 ? 'in one process' : 'all apart';
  test(`policies bind every version of a service, and may speak of what one of them has alone, ${where}`, async (t) => {
    const defined = system('vault', {
      services: safes.flatMap(({ name, user, version, operations }) => [
        service(safe(version, operations), {
          name,
          operations: Object.fromEntries(operations.map((each) => [each, async () => ({ version })])),
        }),
        service(contract(user, { version: '1.0.0', operations: {} }), {
          uses: { safe: safe(version, operations) },
          operations: {},
        }),
      ]),
      policies: {
        covers: ['safe.burn', 'safe.melt'],
        rules: [
          { id: 'frozen', effect: 'forbid', operations: ['safe.open'], scopes: ['guest'] },
          { id: 'smiths', effect: 'permit', operations: ['safe.burn', 'safe.melt'], scopes: ['smith'] },
        ],
      },
    });
    const running = await startTestSystem(t, defined, { placement });
    for (const { name, user: service, version, operations } of safes) {
      const tryAs = (operationName: string, scope: string) => {
        const user = { id: 'ann', scopes: [scope] };
        const client = running.client(safe(version, operations), { service, user });
        return client[operationName]?.({}).then(
          (answer) => (answer as { version: string }).version,
          (error: { reason: string }) => error.reason,
        );
      };
      const [open, own] = operations;
      assert.equal(await tryAs(open, 'guest'), 'denied_by_policy', `${name}: forbidden`);
      assert.equal(await tryAs(open, 'smith'), version, `${name}: not covered`);
      assert.equal(await tryAs(own, 'guest'), 'denied_by_policy', `${name}: covered`);
      assert.equal(await tryAs(own, 'smith'), version, `${name}: permitted`);
    }
  });
}

test('a saga of a further version calls as that version, in one process as elsewhere', async (t) => {
  const seller = (version: string) =>
    contract('seller', {
      version,
      operations: { sell: operation('POST /sell', { input: Empty, output: Answer }) },
    });
  const clock1 = clock('1.0.0');
  const selling = saga('selling', { version: 1, input: Empty }).step('look', {
    call: clock1.operations.tell,
    with: () => ({}),
  });
  const running = await startTestSystem(
    t,
    system('sellers', {
      services: [
        clockService('1.0.0'),
        // The older one may not call the clock.
        service(seller('1.0.0'), { operations: { sell: async () => ({ version: '1.0.0' }) } }),
        service(seller('2.0.0'), {
          name: 'seller-v2',
          uses: { clock: clock1 },
          sagas: [selling],
          operations: {
            sell: async (_, { sagas }) => {
              const end = await sagas.ended(await sagas.start(selling, {}), { timeoutMs: 9_000 });
              return { version: end?.status ?? 'unknown' };
            },
          },
        }),
        service(contract('buyer', { version: '1.0.0', operations: {} }), {
          uses: { seller: seller('2.0.0') },
          operations: {},
        }),
      ],
    }),
  );
  const answer = await running.client(seller('2.0.0'), { service: 'buyer' }).sell({});
  assert.deepEqual(answer, { version: 'completed' });
});

/** Names the gateway as a caller; nothing of it runs. */
function edgeOf() {
  return {
    kind: 'edge' as const,
    routes: [],
    uses: [desk],
    create: () => ({ start: async () => ({ url: 'http://127.0.0.1:1' }), stop: async () => {} }),
  };
}

test('versions of one contract need names and versions of their own', () => {
  const refused = (all: Parameters<typeof system>[1]['services'], why: RegExp) =>
    assert.throws(() => system('clocks', { services: all }), why);
  refused([clockService('1.0.0'), clockService('2.0.0')], /two services are named 'clock'/);
  refused(
    [clockService('1.0.0'), clockService('1.0.0', 'other')],
    /'other' and 'clock' both keep 'clock' 1\.0\.0/,
  );
  refused(
    [clockService('1.0.0'), deskService, clockService('2.0.0', 'desk')],
    /two services are named 'desk'/,
  );
  refused([clockService('3.0.0'), deskService], /uses 'clock' 1\.0\.0, but the system has 3\.0\.0/);
  const telling = contract('clock', {
    version: '2.0.0',
    operations: {},
    events: { passed: event('HourPassed', { data: z.object({ hour: z.string() }), key: 'hour' }) },
  });
  refused(
    [clockService('1.0.0'), service(telling, { name: 'clock-v2', operations: {} })],
    /'clock-v2' is a further version of 'clock' and has passed: only the service that has the contract's name/,
  );
});
