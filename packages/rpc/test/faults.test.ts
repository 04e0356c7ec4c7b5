import assert from 'node:assert/strict';
import { type ChildProcess, fork } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { connect } from 'node:net';
import { describe, test } from 'node:test';
import { createServiceTokens } from '@banyan/auth';
import { untilPasses } from '@banyan/core/testing';
import type { OperationHandle } from '@banyan/rpc';
import { createFaultProxy } from './fixtures/fault-proxy.ts';
import { callHead, frame, isClosed, openLane } from './fixtures/raw-lane.ts';
import { type JobCaller, MovableWatch, Rig } from './fixtures/rig.ts';

const echo: OperationHandle = async () => ({ ran: 'x' });
const large: OperationHandle = async () => ({ ran: 'x'.repeat(200_000) });

for (const lane of [true, false]) {
  describe(lane ? 'faults on the lane' : 'faults on HTTP', () => {
    test('a half-open connection costs a call its deadline and no more', async (t) => {
      const rig = new Rig(t);
      const proxy = await createFaultProxy((await rig.serve(echo)).url);
      t.after(() => proxy.close());
      const caller = rig.connect(new MovableWatch(proxy.url), { lane });
      await caller.run();
      proxy.stall();
      const before = Date.now();
      await assert.rejects(caller.run(100), { code: 'deadline_exceeded' });
      assert.ok(Date.now() - before < 30_000);
      proxy.resume();
      assert.deepEqual(await caller.run(), { ran: 'x' });
    });

    test('an answer that is cut in the middle is a lost connection, never a wrong answer', async (t) => {
      const rig = new Rig(t);
      const proxy = await createFaultProxy((await rig.serve(large)).url);
      t.after(() => proxy.close());
      const caller = rig.connect(new MovableWatch(proxy.url), { lane });
      await caller.run();
      for (const bytes of [0, 1, 3, 4, 9, 10, 11, 500, 40_000, 150_000]) {
        proxy.cutAfter(bytes);
        await assert.rejects(
          caller.run(),
          { code: 'unavailable', reason: 'connection_lost', notStarted: false },
          `${bytes}`,
        );
        proxy.cutAfter(Number.POSITIVE_INFINITY);
        assert.equal((await caller.run()).ran.length, 200_000);
      }
    });

    test('bytes that arrive one at a time make whole messages', async (t) => {
      const rig = new Rig(t);
      const proxy = await createFaultProxy((await rig.serve(async () => ({ ran: 'ü'.repeat(2_000) }))).url);
      t.after(() => proxy.close());
      proxy.drip();
      const caller = rig.connect(new MovableWatch(proxy.url), { lane });
      const answers = await Promise.all([caller.run(), caller.run(), caller.look()]);
      for (const { ran } of answers) assert.equal(ran, 'ü'.repeat(2_000));
    });

    test('when connections break under load, every call has one outcome and the next calls succeed', async (t) => {
      const rig = new Rig(t);
      let runs = 0;
      const { url } = await rig.serve(async () => {
        runs += 1;
        await new Promise((resolve) => setTimeout(resolve, runs));
        return { ran: `${runs}` };
      });
      const proxy = await createFaultProxy(url);
      t.after(() => proxy.close());
      const breaker = { minimumCalls: 100_000 };
      const caller = rig.connect(new MovableWatch(proxy.url), { lane, breaker });
      const outcomes = { answered: 0, lost: 0 };
      for (let round = 0; round < 5; round += 1) {
        const before = runs;
        const calls = Array.from({ length: 40 }, () =>
          caller.run().then(
            () => (outcomes.answered += 1),
            (error) => {
              assert.equal(error.reason, 'connection_lost');
              outcomes.lost += 1;
            },
          ),
        );
        await untilPasses(() => assert.ok(runs > before + 20));
        proxy.cut();
        await Promise.all(calls);
      }
      assert.equal(outcomes.answered + outcomes.lost, 200);
      assert.ok(outcomes.lost > 0);
      assert.deepEqual(Object.keys(await caller.run()), ['ran']);
    });

    test('a callee that is killed in the middle of a call is noticed at once', async (t) => {
      const rig = new Rig(t);
      const child = await startChild(rig.key);
      t.after(() => child.process.kill('SIGKILL'));
      const caller = rig.connect(new MovableWatch(child.url), { lane });
      const call = caller.run(60_000);
      await child.started;
      const before = Date.now();
      const exited = new Promise((resolve) => child.process.once('exit', resolve));
      child.process.kill('SIGKILL');
      await assert.rejects(call, { code: 'unavailable', reason: 'connection_lost', notStarted: false });
      assert.ok(Date.now() - before < 30_000);
      await exited;
      await assert.rejects(caller.run(), { reason: 'connection_refused' });
    });
  });
}

async function startChild(
  key: string,
): Promise<{ process: ChildProcess; url: string; started: Promise<void> }> {
  const child = fork(new URL('./fixtures/hanging-service.ts', import.meta.url), [key]);
  const started = Promise.withResolvers<void>();
  const url = await new Promise<string>((resolve) => {
    child.on('message', (message: { readonly url?: string }) => {
      if (message.url === undefined) started.resolve();
      else resolve(message.url);
    });
  });
  return { process: child, url, started: started.promise };
}

describe('hostile lanes', () => {
  const attacks: Record<string, () => Uint8Array> = {
    'a length of four gigabytes': () => Buffer.from('ffffffff0100', 'hex'),
    'a length below the head': () => Buffer.from('0000000301000000', 'hex'),
    'an unknown type': () => frame(99, 0, 1, Buffer.alloc(0)),
    'a type that only callees send': () => frame(8, 0, 1, Buffer.from('{}')),
    'a call without a head': () => frame(1, 0, 1, Buffer.alloc(3)),
    'a call with a key beyond its end': () =>
      frame(1, 4, 1, Buffer.concat([Buffer.alloc(31), Buffer.from([200, 65])])),
    'a call with a key of control characters': () =>
      frame(1, 4, 1, Buffer.concat([Buffer.alloc(31), Buffer.from([2, 10, 13])])),
    'a call for a user that was never named': () =>
      frame(1, 2, 1, Buffer.concat([Buffer.alloc(31), Buffer.from([0, 9]), Buffer.from('{}')])),
    'a user number out of range': () => frame(6, 0, 5_000_000, Buffer.from('x')),
    'two messages in parts with one id': () => {
      const begin = frame(1, 1, 7, Buffer.concat([Buffer.alloc(31), Buffer.from('{')]));
      return Buffer.concat([begin, begin]);
    },
    'a token that is none': () => frame(5, 0, 0, Buffer.from('x.y.z')),
    'HTTP instead of frames': () => Buffer.from('GET / HTTP/1.1\r\nhost: a\r\n\r\n'),
  };
  for (const [name, bytes] of Object.entries(attacks)) {
    test(`${name} closes that lane and no other`, async (t) => {
      const rig = new Rig(t);
      const { url } = await rig.serve(echo);
      const caller = rig.connect(new MovableWatch(url));
      await caller.run();
      const socket = await openLane(url, await rig.tokens.issue('jobs'));
      socket.write(bytes());
      socket.resume();
      await isClosed(socket);
      assert.deepEqual(await caller.run(), { ran: 'x' });
    });
  }

  test('random bytes on a lane harm nobody else', async (t) => {
    const rig = new Rig(t);
    const { url } = await rig.serve(echo);
    const caller = rig.connect(new MovableWatch(url));
    for (let round = 0; round < 50; round += 1) {
      const socket = await openLane(url, await rig.tokens.issue('jobs'));
      socket.end(randomBytes(1 + ((round * 97) % 5_000)));
      socket.resume();
      await isClosed(socket);
    }
    assert.deepEqual(await caller.run(), { ran: 'x' });
  });

  test('a lane without a valid token is refused with 401', async (t) => {
    const rig = new Rig(t);
    const { url } = await rig.serve(echo);
    const foreign = await createServiceTokens({ key: rig.key, service: 'tester' }).issue('printing');
    for (const authorization of ['', `authorization: Bearer ${foreign}\r\n`, 'authorization: Basic x\r\n']) {
      const { hostname, port } = new URL(url);
      const socket = connect(Number(port), hostname);
      socket.write(
        `GET / HTTP/1.1\r\nhost: a\r\nconnection: Upgrade\r\nupgrade: banyan-lane/1\r\n${authorization}\r\n`,
      );
      const text = await new Promise<string>((resolve) => {
        let received = '';
        socket.setEncoding('utf8').on('data', (data) => (received += data));
        socket.on('close', () => resolve(received));
      });
      assert.match(text, /^HTTP\/1.1 401 /);
    }
  });

  test('a caller that does not read its answers is not read from, until it does', async (t) => {
    const rig = new Rig(t);
    let runs = 0;
    const { url } = await rig.serve(async () => {
      runs += 1;
      return { ran: 'x'.repeat(20_000) };
    });
    const socket = await openLane(url, await rig.tokens.issue('jobs'));
    socket.pause();
    for (let id = 1; id <= 6_000; id += 1)
      socket.write(frame(1, 0, id, Buffer.concat([callHead, Buffer.from('{}')])));
    let before = -1;
    await untilPasses(async () => {
      await new Promise((resolve) => setTimeout(resolve, 200));
      const settled = runs > 0 && runs === before;
      before = runs;
      assert.ok(settled);
    });
    assert.ok(runs < 4_000, `${runs} calls were answered for a caller that takes no answers`);
    socket.resume();
    await untilPasses(() => assert.equal(runs, 6_000));
    socket.destroy();
  });
});

describe('the life of a lane', () => {
  test('many calls share one connection', async (t) => {
    const rig = new Rig(t);
    const proxy = await createFaultProxy((await rig.serve(echo)).url);
    t.after(() => proxy.close());
    const caller = rig.connect(new MovableWatch(proxy.url));
    await Promise.all(Array.from({ length: 200 }, () => caller.run()));
    assert.equal(proxy.connections, 1);
  });

  test('a silent callee is given up, and the next call opens a new lane', async (t) => {
    const rig = new Rig(t);
    const proxy = await createFaultProxy((await rig.serve(echo)).url);
    t.after(() => proxy.close());
    const caller = rig.connect(new MovableWatch(proxy.url), { pingIntervalMs: 50 });
    await caller.run();
    proxy.stall();
    await assert.rejects(caller.run(60_000), { reason: 'connection_lost' });
    proxy.resume();
    assert.deepEqual(await caller.run(), { ran: 'x' });
    assert.equal(proxy.connections, 2);
  });

  test('identity is renewed while the lane is open', async (t) => {
    const rig = new Rig(t);
    const proxy = await createFaultProxy((await rig.serve(echo)).url);
    t.after(() => proxy.close());
    const tokens = createServiceTokens({ key: rig.key, service: 'tester', lifetimeS: 5 });
    const caller = rig.connect(new MovableWatch(proxy.url), { tokens, pingIntervalMs: 50 });
    await caller.run();
    await runFor(6_000, caller);
    assert.equal(proxy.connections, 1);
  });

  test('an expired lane loses no call', async (t) => {
    const rig = new Rig(t);
    const proxy = await createFaultProxy((await rig.serve(echo)).url);
    t.after(() => proxy.close());
    const tokens = createServiceTokens({ key: rig.key, service: 'tester', lifetimeS: 3 });
    const caller = rig.connect(new MovableWatch(proxy.url), { tokens, pingIntervalMs: 60_000 });
    await caller.run();
    await runFor(4_000, caller);
    assert.ok(proxy.connections > 1);
  });

  test('a peer without a lane is served over HTTP', async (t) => {
    const rig = new Rig(t);
    const { url } = await rig.serve(echo);
    const { createServer, request } = await import('node:http');
    const plain = createServer((incoming, outgoing) => {
      const { upgrade: _, connection: __, ...headers } = incoming.headers;
      const onward = request(url + incoming.url, { method: incoming.method, headers }, (response) => {
        outgoing.writeHead(response.statusCode ?? 500, response.headers);
        response.pipe(outgoing);
      });
      incoming.pipe(onward);
    });
    await new Promise<void>((resolve) => plain.listen(0, '127.0.0.1', resolve));
    t.after(() => {
      plain.closeAllConnections();
      plain.close();
    });
    const address = plain.address();
    const port = typeof address === 'object' ? address?.port : 0;
    const caller = rig.connect(new MovableWatch(`http://127.0.0.1:${port}`));
    for (let count = 0; count < 3; count += 1) assert.deepEqual(await caller.run(), { ran: 'x' });
  });
});

/** Calls every few milliseconds for a while; every call must succeed. */
async function runFor(durationMs: number, caller: JobCaller): Promise<void> {
  const endMs = Date.now() + durationMs;
  while (Date.now() < endMs) {
    assert.deepEqual(await caller.run(), { ran: 'x' });
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
