import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { describe, type TestContext, test } from 'node:test';
import { createServiceTokens } from '@banyan/auth';
import { ServiceError } from '@banyan/core';
import { untilPasses } from '@banyan/core/testing';
import type { OperationHandle } from '@banyan/rpc';
import { createMetrics } from '@banyan/telemetry';
import { MovableWatch, Rig } from './fixtures/rig.ts';

const answer: (name: string) => OperationHandle = (name) => async () => ({ ran: name });

/** A port that nobody listens on. */
async function deadUrl(): Promise<string> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  return `http://127.0.0.1:${typeof address === 'object' ? address?.port : 0}`;
}

/** A way to a server on which what a client sends can be held up. */
async function openWay(t: TestContext, to: string) {
  let isHeld = false;
  const waiting: Buffer[] = [];
  let server: Socket | undefined;
  const way = createServer((client) => {
    const socket = connect(Number(new URL(to).port), '127.0.0.1');
    server = socket;
    client.on('data', (bytes) => {
      if (!isHeld) socket.write(bytes);
      else {
        waiting.push(bytes);
        way.emit('held');
      }
    });
    client.on('end', () => socket.end());
    client.on('error', () => socket.destroy());
    socket.on('error', () => client.destroy());
    socket.pipe(client);
  }).listen(0, '127.0.0.1');
  await once(way, 'listening');
  t.after(() => way.close());
  return {
    url: `http://127.0.0.1:${(way.address() as AddressInfo).port}`,
    hold() {
      isHeld = true;
    },
    /** Resolves when something waits. */
    held: async () => {
      if (waiting.length === 0) await once(way, 'held');
    },
    /** Resolves with what the server says next. */
    heard: () => once(server ?? assert.fail('nobody is connected'), 'data'),
    release() {
      isHeld = false;
      for (const bytes of waiting.splice(0)) server?.write(bytes);
    },
  };
}

for (const lane of [true, false]) {
  describe(lane ? 'over the lane' : 'over HTTP', () => {
    test('a call waits for the first instance to appear, so services may start in any order', async (t) => {
      const rig = new Rig(t);
      const watch = new MovableWatch();
      const caller = rig.connect(watch, { lane });
      const early = caller.run();
      const { url } = await rig.serve(answer('a'));
      watch.moveTo(url);
      assert.deepEqual(await early, { ran: 'a' });
    });

    test('without an instance until the deadline the call was never made', async (t) => {
      const caller = new Rig(t).connect(new MovableWatch(), { lane });
      await assert.rejects(caller.run(50), { code: 'unavailable', reason: 'no_instance', notStarted: true });
    });

    test('a refused connection moves the call to another instance, whatever the operation', async (t) => {
      const rig = new Rig(t);
      const { url } = await rig.serve(answer('alive'));
      const caller = rig.connect(new MovableWatch(await deadUrl(), url), { lane });
      for (let count = 0; count < 20; count += 1) assert.deepEqual(await caller.run(), { ran: 'alive' });
    });

    test('when every instance refuses, the caller learns that nothing was started', async (t) => {
      const caller = new Rig(t).connect(new MovableWatch(await deadUrl()), { lane });
      const before = Date.now();
      await assert.rejects(caller.run(120_000), {
        code: 'unavailable',
        reason: 'connection_refused',
        notStarted: true,
      });
      assert.ok(Date.now() - before < 60_000);
    });

    test('calls spread over all instances', async (t) => {
      const rig = new Rig(t);
      const urls = await Promise.all(
        ['a', 'b', 'c'].map(async (name) => (await rig.serve(answer(name))).url),
      );
      const caller = rig.connect(new MovableWatch(...urls), { lane });
      const answers = await Promise.all(Array.from({ length: 300 }, () => caller.run()));
      for (const name of ['a', 'b', 'c']) {
        const share = answers.filter(({ ran }) => ran === name).length;
        assert.ok(share > 50, `${name} got ${share} of 300`);
      }
    });

    test('a call follows its service to a new address', async (t) => {
      const rig = new Rig(t);
      const first = await rig.serve(answer('first'));
      const watch = new MovableWatch(first.url);
      const caller = rig.connect(watch, { lane });
      assert.deepEqual(await caller.run(), { ran: 'first' });
      const second = await rig.serve(answer('second'));
      watch.moveTo(second.url);
      assert.deepEqual(await caller.run(), { ran: 'second' });
    });

    test('an instance that is stopped loses no call: those in flight finish, later ones go elsewhere', async (t) => {
      const rig = new Rig(t);
      const slow: OperationHandle = async () => {
        await new Promise((resolve) => setTimeout(resolve, 5));
        return { ran: 'x' };
      };
      const leaving = await rig.serve(slow);
      const staying = await rig.serve(slow);
      const watch = new MovableWatch(leaving.url, staying.url);
      const caller = rig.connect(watch, { lane });
      let goesOn = true;
      let answered = 0;
      const client = async () => {
        while (goesOn) {
          assert.deepEqual(await caller.run(), { ran: 'x' });
          answered += 1;
        }
      };
      const clients = Promise.all(Array.from({ length: 8 }, client));
      await untilPasses(() => assert.ok(answered > 50));
      watch.moveTo(staying.url);
      await leaving.server.stop();
      const before = answered;
      await untilPasses(() => assert.ok(answered > before + 50));
      goesOn = false;
      await clients;
    });

    test('a call that can be repeated is, one that cannot is not', async (t) => {
      const rig = new Rig(t);
      let runs = 0;
      const { url } = await rig.serve(async () => {
        runs += 1;
        if (runs % 2 === 1)
          throw new ServiceError('Not now.', { code: 'unavailable', reason: 'database_unavailable' });
        return { ran: 'x' };
      });
      const caller = rig.connect(new MovableWatch(url), { lane });
      assert.deepEqual(await caller.look(), { ran: 'x' });
      assert.equal(runs, 2);
      await assert.rejects(caller.run(), { reason: 'database_unavailable' });
      assert.equal(runs, 3);
    });

    test('a refusal is never repeated and never opens the circuit', async (t) => {
      const rig = new Rig(t);
      let runs = 0;
      const { url } = await rig.serve(async () => {
        runs += 1;
        throw new ServiceError('Busy.', {
          code: 'already_exists',
          reason: 'busy',
          status: 409,
          declared: true,
        });
      });
      const caller = rig.connect(new MovableWatch(url), { lane, breaker: { minimumCalls: 5 } });
      for (let count = 0; count < 40; count += 1)
        await assert.rejects(caller.run(), { reason: 'busy', declared: true });
      assert.equal(runs, 40);
    });

    test('repeats stay within the budget', async (t) => {
      const rig = new Rig(t);
      let runs = 0;
      const { url } = await rig.serve(async () => {
        runs += 1;
        throw new ServiceError('Not now.', { code: 'unavailable', reason: 'database_unavailable' });
      });
      const caller = rig.connect(new MovableWatch(url), {
        lane,
        breaker: { minimumCalls: 1_000 },
        retryBudget: { ratio: 0.1, minPerSecond: 0 },
      });
      for (let count = 0; count < 100; count += 1) await assert.rejects(caller.look());
      assert.ok(runs >= 105 && runs <= 110, `${runs} runs of 100 calls`);
    });

    test('four calls that hang open the circuit; then calls fail at once without reaching the callee, until a probe succeeds', async (t) => {
      const rig = new Rig(t);
      let runs = 0;
      let hangs = false;
      const { url } = await rig.serve(() => {
        runs += 1;
        return hangs ? new Promise(() => {}) : Promise.resolve({ ran: 'x' });
      });
      const metrics = createMetrics();
      const watch = new MovableWatch(url);
      const states: string[] = [];
      const caller = rig.connect(watch, {
        ...{ lane, metrics, breaker: { openForMs: 3_000 } },
        onCircuit: (state) => states.push(state),
      });
      // Connected first: a call that spends its time on connecting does not reach the callee; nor does one, now and then, on a machine that stalls.
      await caller.run();
      hangs = true;
      for (let count = 0; count < 4; count += 1) {
        await assert.rejects(caller.run(100), { code: 'deadline_exceeded' });
      }
      const reached = runs;
      assert.ok(reached > 1);
      for (let count = 0; count < 10; count += 1) {
        await assert.rejects(caller.look(), {
          code: 'unavailable',
          reason: 'circuit_open',
          notStarted: true,
        });
      }
      assert.equal(runs, reached);
      assert.match(metrics.render(), /banyan_circuits_open\{caller="tester",callee="jobs"\} 1/);
      hangs = false;
      await untilPasses(async () => assert.deepEqual(await caller.run(), { ran: 'x' }));
      assert.match(metrics.render(), /banyan_circuits_open\{caller="tester",callee="jobs"\} 0/);
      assert.deepEqual(await caller.run(), { ran: 'x' });
      assert.match(
        metrics.render(),
        /banyan_circuit_transitions_total\{caller="tester",callee="jobs",to="open"\} 1/,
      );
      assert.deepEqual(states, ['open', 'half_open', 'closed']);
    });

    test('the circuit of an instance that is not listed any more is gone, before anybody calls', async (t) => {
      const rig = new Rig(t);
      const { url } = await rig.serve(() => new Promise(() => {}));
      const watch = new MovableWatch(url);
      const states: string[] = [];
      const caller = rig.connect(watch, { lane, onCircuit: (state) => states.push(state) });
      for (let count = 0; count < 4; count += 1)
        await assert.rejects(caller.run(500), { code: 'deadline_exceeded' });
      assert.deepEqual(states, ['open']);
      watch.moveTo();
      assert.deepEqual(states, ['open', 'closed']);
    });

    for (const [share, opens] of [
      [0.6, true],
      [0.4, false],
    ] as const) {
      test(`${share * 100} % errors against 50 % ${opens ? 'open' : 'leave closed'} the circuit`, async (t) => {
        const rig = new Rig(t);
        let runs = 0;
        const { url } = await rig.serve(async () => {
          runs += 1;
          if (runs % 5 < share * 5) throw new Error('bug');
          return { ran: 'x' };
        });
        const caller = rig.connect(new MovableWatch(url), { lane });
        const reasons = new Set<string>();
        for (let count = 0; count < 60; count += 1) {
          await caller.run().catch((error: ServiceError) => reasons.add(error.reason));
        }
        assert.equal(reasons.has('circuit_open'), opens);
        assert.equal(runs, opens ? 20 : 60);
      });
    }

    test('one instance with an open circuit is left out, the other serves', async (t) => {
      const rig = new Rig(t);
      const bad = await rig.serve(() => Promise.reject(new Error('bug')));
      const good = await rig.serve(answer('good'));
      const caller = rig.connect(new MovableWatch(bad.url, good.url), {
        lane,
        breaker: { minimumCalls: 5, openForMs: 60_000 },
      });
      for (let count = 0; count < 60; count += 1) await caller.run().catch(() => undefined);
      for (let count = 0; count < 60; count += 1) assert.deepEqual(await caller.run(), { ran: 'good' });
    });

    test('calls beyond the bulkhead wait for their turn, and those beyond its queue are refused', async (t) => {
      const rig = new Rig(t);
      const releases: (() => void)[] = [];
      const { url } = await rig.serve(async () => {
        await new Promise<void>((resolve) => releases.push(resolve));
        return { ran: 'x' };
      });
      const caller = rig.connect(new MovableWatch(url), { lane, maxConcurrent: 2, maxQueued: 2 });
      const calls = [1, 2, 3, 4].map(() => caller.run());
      await assert.rejects(caller.run(), {
        code: 'resource_exhausted',
        reason: 'bulkhead_full',
        notStarted: true,
      });
      await untilPasses(() => assert.equal(releases.length, 2));
      for (const release of releases.splice(0)) release();
      await untilPasses(() => assert.equal(releases.length, 2));
      for (const release of releases) release();
      assert.equal((await Promise.all(calls)).length, 4);
    });

    test('a call that waits for its turn still has its deadline', async (t) => {
      const rig = new Rig(t);
      const { url } = await rig.serve(() => new Promise(() => {}));
      const caller = rig.connect(new MovableWatch(url), { lane, maxConcurrent: 1, maxQueued: 5 });
      const first = caller.run(300);
      await assert.rejects(caller.run(50), { code: 'deadline_exceeded' });
      await assert.rejects(first, { code: 'deadline_exceeded' });
    });

    test('a caller without the system key gets nothing', async (t) => {
      const rig = new Rig(t);
      const { url } = await rig.serve(() => assert.fail('the handler must not run'));
      const forged = createServiceTokens({ key: Buffer.alloc(32).toString('base64url'), service: 'tester' });
      const caller = rig.connect(new MovableWatch(url), { lane, tokens: forged });
      await assert.rejects(caller.run(), { code: 'unauthenticated', reason: 'invalid_service_token' });
    });

    test('closing fails what is in flight', async (t) => {
      const rig = new Rig(t);
      const started = Promise.withResolvers<void>();
      const { url } = await rig.serve(() => {
        started.resolve();
        return new Promise(() => {});
      });
      const caller = rig.connect(new MovableWatch(url), { lane });
      const call = caller.run();
      await started.promise;
      caller.endpoint.close();
      caller.endpoint.close();
      await assert.rejects(call, { code: 'unavailable', reason: 'connection_lost', notStarted: false });
    });
  });
}

test('a call that was on its way when its instance said goodbye goes elsewhere', async (t) => {
  const rig = new Rig(t);
  const leaving = await rig.serve(answer('leaving'));
  const staying = await rig.serve(answer('staying'));
  const way = await openWay(t, leaving.url);
  const watch = new MovableWatch(way.url);
  const caller = rig.connect(watch, { lane: true });
  assert.deepEqual(await caller.run(), { ran: 'leaving' });
  way.hold();
  const call = caller.run();
  await way.held();
  watch.moveTo(staying.url);
  const goodbye = way.heard();
  const stopped = leaving.server.stop();
  await goodbye;
  way.release();
  assert.deepEqual(await call, { ran: 'staying' });
  await stopped;
});
