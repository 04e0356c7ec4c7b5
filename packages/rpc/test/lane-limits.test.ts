import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { createServiceTokens, type ServiceTokens } from '@banyan/auth';
import { createManualClock, eventually } from '@banyan/core/testing';
import type { OperationHandle } from '@banyan/rpc';
import { callHead, Frames, frame, isClosed, openLane, text } from './fixtures/raw-lane.ts';
import { Rig } from './fixtures/rig.ts';

const echo: OperationHandle = async () => ({ ran: 'x' });

/** The same tokens, of which one way to look at them takes a while. */
function heldUp(
  tokens: ServiceTokens,
  method: 'verify' | 'verifyUser',
  wait: () => Promise<void>,
): ServiceTokens {
  return new Proxy(tokens, {
    get(target, name) {
      const value = Reflect.get(target, name, target) as unknown;
      if (typeof value !== 'function') return value;
      const bound = value.bind(target) as (...words: unknown[]) => unknown;
      return name === method ? (...words: unknown[]) => wait().then(() => bound(...words)) : bound;
    },
  });
}

describe('what a lane holds', () => {
  test('calls that do not arrive as a whole are bounded in number, and the others go on', async (t) => {
    const rig = new Rig(t);
    const { url } = await rig.serve(echo, { limits: { maxCallsPerLink: 100 } });
    const socket = await openLane(url, await rig.tokens.issue('jobs'));
    const frames = new Frames(socket);
    for (let id = 1; id <= 150; id += 1) socket.write(frame(1, 1, id, Buffer.concat([callHead, text('{')])));
    socket.write(frame(2, 0, 100, text('}')));
    await eventually(
      async () => frames.of(100),
      (answers) => answers.length > 0,
    );
    assert.deepEqual(frames.of(100), [{ type: 8, text: '{"ran":"x"}' }]);
    for (const id of [101, 150]) {
      const [problem] = frames.of(id);
      assert.equal(problem?.type, 9);
      assert.equal(JSON.parse(problem.text).reason, 'too_many_calls');
    }
    // A place is free again.
    socket.write(frame(1, 1, 200, Buffer.concat([callHead, text('{')])));
    socket.write(frame(2, 0, 200, text('}')));
    await eventually(
      async () => frames.of(200),
      (answers) => answers.length > 0,
    );
    assert.equal(frames.of(200)[0]?.type, 8);
    socket.destroy();
  });

  test('calls that do not arrive as a whole are bounded in bytes', async (t) => {
    const rig = new Rig(t);
    const { url } = await rig.serve(echo);
    const socket = await openLane(url, await rig.tokens.issue('jobs'));
    const frames = new Frames(socket);
    const blanks = Buffer.alloc(32_768, ' ');
    const begin = (id: number) => {
      socket.write(frame(1, 1, id, Buffer.concat([callHead, text('{')])));
      for (let part = 0; part < 31; part += 1) socket.write(frame(2, 1, id, blanks));
    };
    // 31 parts of 32 KiB are nearly the megabyte that one may have; 67 of them are more than 64 MiB.
    for (let id = 1; id <= 67; id += 1) begin(id);
    for (const id of [67, 1]) socket.write(frame(2, 0, id, text('}')));
    await eventually(
      async () => frames.of(1),
      (answers) => answers.length > 0,
    );
    assert.deepEqual(frames.of(1), [{ type: 8, text: '{"ran":"x"}' }]);
    assert.equal(JSON.parse(frames.of(67)[0]?.text ?? '{}').reason, 'too_many_calls');
    socket.destroy();
  });

  test('a call that is cancelled, or whose caller goes, before its user is known never runs', async (t) => {
    const rig = new Rig(t);
    const known = Promise.withResolvers<void>();
    const waiting = Promise.withResolvers<void>();
    let asked = 0;
    let runs = 0;
    const tokens = createServiceTokens({ key: rig.key, service: 'jobs' });
    const { url } = await rig.serve(
      async () => {
        runs += 1;
        return { ran: 'x' };
      },
      {
        limits: { maxCallsPerLink: 2 },
        tokens: heldUp(tokens, 'verifyUser', () => {
          asked += 1;
          if (asked === 3) waiting.resolve();
          return known.promise;
        }),
      },
    );
    const assertion = text(await rig.tokens.issueUser({ id: 'ann', scopes: [] }));
    const forAnn = Buffer.concat([callHead.subarray(0, 31), Buffer.from([0, 1]), text('{}')]);
    const open = async () => {
      const socket = await openLane(url, await rig.tokens.issue('jobs'));
      socket.write(frame(6, 0, 1, assertion));
      return { socket, frames: new Frames(socket) };
    };
    const [staying, leaving] = [await open(), await open()];
    staying.socket.write(Buffer.concat([frame(1, 2, 1, forAnn), frame(1, 2, 2, forAnn)]));
    staying.socket.write(frame(1, 2, 3, forAnn));
    leaving.socket.write(frame(1, 2, 1, forAnn));
    await waiting.promise;
    await eventually(
      async () => staying.frames.of(3),
      (answers) => answers.length > 0,
    );
    assert.equal(JSON.parse(staying.frames.of(3)[0]?.text ?? '{}').reason, 'too_many_calls');
    staying.socket.write(frame(3, 0, 1, Buffer.alloc(0)));
    leaving.socket.end();
    await isClosed(leaving.socket);
    // The place of the one that was cancelled is free; the answer says that the cancellation has arrived.
    staying.socket.write(frame(1, 0, 4, Buffer.concat([callHead, text('{}')])));
    await eventually(
      async () => staying.frames.of(4),
      (answers) => answers.length > 0,
    );
    assert.equal(runs, 1);
    known.resolve();
    await eventually(
      async () => staying.frames.of(2),
      (answers) => answers.length > 0,
    );
    assert.deepEqual(staying.frames.of(2), [{ type: 8, text: '{"ran":"x"}' }]);
    assert.deepEqual(staying.frames.of(1), []);
    assert.equal(runs, 2);
    staying.socket.destroy();
  });

  test('a lane whose token is verified while the server stops does not hold that up', {
    timeout: 60_000,
  }, async (t) => {
    const rig = new Rig(t);
    const known = Promise.withResolvers<void>();
    const waiting = Promise.withResolvers<void>();
    const tokens = createServiceTokens({ key: rig.key, service: 'jobs' });
    const { url, server } = await rig.serve(echo, {
      tokens: heldUp(tokens, 'verify', () => {
        waiting.resolve();
        return known.promise;
      }),
    });
    const opening = openLane(url, await rig.tokens.issue('jobs'));
    await waiting.promise;
    const stopped = server.stop({ timeoutMs: 600_000 });
    known.resolve();
    const socket = await opening;
    socket.resume();
    await isClosed(socket);
    await stopped;
  });

  test('a lane ends a second after its last call, also when calls go on coming that are refused', {
    timeout: 30_000,
  }, async (t) => {
    const rig = new Rig(t);
    const clock = createManualClock();
    const { url, server } = await rig.serve(echo, { clock });
    const socket = await openLane(url, await rig.tokens.issue('jobs'));
    const frames = new Frames(socket);
    const stopped = server.stop({ timeoutMs: 600_000 });
    const isRefused = async (id: number) => {
      socket.write(frame(1, 0, id, Buffer.concat([callHead, text('{}')])));
      const [problem] = await eventually(
        async () => frames.of(id),
        (answers) => answers.length > 0,
      );
      assert.equal(JSON.parse(problem?.text ?? '{}').reason, 'shutting_down');
    };
    await isRefused(1);
    clock.advance(900);
    await isRefused(2);
    clock.advance(100);
    await isClosed(socket);
    await stopped;
  });
});
