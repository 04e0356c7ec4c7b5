import { once } from 'node:events';
import { createServer as createHttpServer, type IncomingMessage, type RequestListener } from 'node:http';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import type { TestContext } from 'node:test';

export interface RunningUpstream {
  readonly url: string;
  readonly port: number;
  readonly requests: readonly IncomingMessage[];
  stop(): void;
}

/** A program behind the gateway that is no service of the system. */
export async function runUpstream(
  t: TestContext,
  listener: RequestListener,
  port = 0,
): Promise<RunningUpstream> {
  const requests: IncomingMessage[] = [];
  const server = createHttpServer((request, response) => {
    requests.push(request);
    listener(request, response);
  });
  await listen(t, server, port);
  const { port: taken } = server.address() as AddressInfo;
  const stop = () => {
    server.close();
    server.closeAllConnections();
  };
  return { url: `http://127.0.0.1:${taken}`, port: taken, requests, stop };
}

export interface RawUpstream {
  readonly url: string;
  /** What each connection has sent so far. */
  readonly received: string[];
  readonly sockets: readonly Socket[];
  /** Requests that have arrived as a whole, on all connections: those whose head is read. */
  heads(): number;
}

/** Answers the nth head that arrives with the bytes that `answer` gives; undefined says nothing. */
export async function runRawUpstream(
  t: TestContext,
  answer: (head: string, socket: Socket) => string | Buffer | undefined,
): Promise<RawUpstream> {
  const received: string[] = [];
  const sockets: Socket[] = [];
  let heads = 0;
  const server = createServer((socket) => {
    const index = received.push('') - 1;
    sockets.push(socket);
    let read = 0;
    socket.on('error', () => undefined);
    socket.on('data', (chunk) => {
      received[index] += chunk.toString('latin1');
      for (;;) {
        const text = received[index] ?? '';
        const end = text.indexOf('\r\n\r\n', read);
        if (end < 0) return;
        const head = text.slice(read, end + 4);
        const length = Number(/\r\ncontent-length: (\d+)/i.exec(head)?.[1] ?? 0);
        const chunkedEnd = /\r\ntransfer-encoding: chunked/i.test(head)
          ? text.indexOf('0\r\n\r\n', end + 4)
          : undefined;
        if (chunkedEnd === -1 || text.length < end + 4 + length) return;
        read = chunkedEnd === undefined ? end + 4 + length : chunkedEnd + 5;
        heads += 1;
        const bytes = answer(head, socket);
        if (bytes !== undefined) socket.write(bytes);
      }
    });
  });
  await listen(t, server, 0);
  t.after(() => {
    for (const socket of sockets) socket.destroy();
  });
  const { port } = server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${port}`, received, sockets, heads: () => heads };
}

async function listen(t: TestContext, server: Server, port: number): Promise<void> {
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.close();
    (server as Partial<{ closeAllConnections(): void }>).closeAllConnections?.();
  });
}
