import assert from 'node:assert/strict';
import { connect, createServer, type Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { test } from 'node:test';
import { eventually } from '@banyan/core/testing';
// How many writes a lane takes is not to be seen from outside: the kernel joins what lies in its buffers.
import { createFrameReader } from '../src/lane/frame-reader.ts';
import { createFrameWriter } from '../src/lane/frame-writer.ts';

/** A connection that keeps the ids of the frames that each write carries. */
class WriteLog extends Duplex {
  readonly writes: number[][] = [];
  readonly #reader = createFrameReader(({ id }) => this.writes.at(-1)?.push(id));

  override _read(): void {}

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.writes.push([]);
    this.#reader.push(chunk);
    done();
  }
}

const clients = 64;

test('calls of many clients in one turn leave in one write, in their order', async (t) => {
  const lane = new WriteLog();
  const writer = createFrameWriter(lane);
  const sent: number[] = [];
  const accepted: Socket[] = [];
  const server = createServer((socket) => {
    accepted.push(socket);
    socket.on('data', ([id = 0]) => {
      sent.push(id);
      writer.send(1, 0, id, 0, '{}');
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const port = typeof address === 'object' ? (address?.port ?? 0) : 0;
  const sockets = Array.from({ length: clients }, () => connect(port, '127.0.0.1'));
  t.after(() => {
    for (const socket of [...sockets, ...accepted]) socket.destroy();
    server.close();
  });
  await eventually(
    async () => accepted.length,
    (count) => count === clients,
  );

  for (const [id, socket] of sockets.entries()) socket.write(Buffer.from([id]));
  const arrived = await eventually(
    async () => lane.writes.flat(),
    (ids) => ids.length === clients,
  );

  assert.deepEqual(arrived, sent);
  // All of them are one turn's nearly always; a kernel may tell of a few later.
  assert.ok(lane.writes.length <= 4, `${clients} frames took ${lane.writes.length} writes`);
});

test('what one turn has to say does not pile up behind its end', () => {
  const lane = new WriteLog();
  const writer = createFrameWriter(lane);
  const text = 'x'.repeat(1_000);
  for (let id = 0; id < 1_000; id += 1) writer.send(1, 0, id, 0, text);
  const waiting = 1_000 - lane.writes.flat().length;
  assert.ok(waiting * text.length <= 65_536, `${waiting} frames of ${text.length} bytes wait`);
});
