import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

export type Direction = 'toServer' | 'toClient';

/**
 * Stands between clients and a server and does to their connections what networks do. Faults strike all connections that are open; bytes are counted
 * over all of them, so that a fault falls in the middle of whatever is being sent.
 */
export interface TcpFaultProxy {
  /** On 127.0.0.1. */
  readonly port: number;
  /** Connections open at the moment. */
  readonly connections: number;
  /** Resets every connection. */
  cut(): void;
  /** Lets `bytes` more bytes pass in a direction, and resets every connection then. */
  cutAfter(direction: Direction, bytes: number): void;
  /** Lets `bytes` more bytes pass in a direction, and then says to the receiver that nothing more will come; the other direction goes on. */
  halfCloseAfter(direction: Direction, bytes: number): void;
  /** Nothing passes any more, in either direction, and nobody is told; new connections are taken and stalled too. */
  stall(): void;
  /** Ends `stall`: what was held back passes now. Takes back a `cutAfter` or `halfCloseAfter` that has not struck yet. */
  heal(): void;
  /** Resets everything and stops listening. Idempotent. */
  close(): Promise<void>;
}

export async function startTcpFaultProxy(target: {
  readonly host: string;
  readonly port: number;
}): Promise<TcpFaultProxy> {
  const links = new Set<Link>();
  const faults: Faults = { isStalled: false, strike: undefined };
  const server = createServer({ allowHalfOpen: true }, (client) => {
    const upstream = connect({ ...target, allowHalfOpen: true });
    const link = joinSockets(client, upstream, faults);
    links.add(link);
    client.once('close', () => links.delete(link));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');

  const cut = () => {
    for (const link of links) link.reset();
  };
  const arm = (direction: Direction, bytes: number, act: (link: Link) => void) => {
    faults.strike = { direction, bytesLeft: bytes, act };
  };
  return {
    port: (server.address() as AddressInfo).port,
    get connections() {
      return links.size;
    },
    cut,
    cutAfter: (direction, bytes) => arm(direction, bytes, cut),
    halfCloseAfter: (direction, bytes) => arm(direction, bytes, (link) => link.end(direction)),
    stall() {
      faults.isStalled = true;
      for (const link of links) link.pause();
    },
    heal() {
      faults.isStalled = false;
      faults.strike = undefined;
      for (const link of links) link.resume();
    },
    async close() {
      cut();
      if (!server.listening) return;
      server.close();
      await once(server, 'close');
    },
  };
}

interface Faults {
  isStalled: boolean;
  strike:
    | { readonly direction: Direction; bytesLeft: number; readonly act: (link: Link) => void }
    | undefined;
}

/** One client's connection and the one to the server that belongs to it. */
interface Link {
  reset(): void;
  end(direction: Direction): void;
  pause(): void;
  resume(): void;
}

function joinSockets(client: Socket, upstream: Socket, faults: Faults): Link {
  const link: Link = {
    reset() {
      client.resetAndDestroy();
      upstream.resetAndDestroy();
    },
    end(direction) {
      const [from, to] = direction === 'toServer' ? [client, upstream] : [upstream, client];
      from.removeAllListeners('data');
      // Read on, so that the sender does not notice by itself.
      from.resume();
      to.end();
    },
    pause() {
      client.pause();
      upstream.pause();
    },
    resume() {
      client.resume();
      upstream.resume();
    },
  };
  carry({ from: client, to: upstream, direction: 'toServer' }, link, faults);
  carry({ from: upstream, to: client, direction: 'toClient' }, link, faults);
  if (faults.isStalled) link.pause();
  return link;
}

interface Lane {
  readonly from: Socket;
  readonly to: Socket;
  readonly direction: Direction;
}

function carry({ from, to, direction }: Lane, link: Link, faults: Faults): void {
  from.on('data', (chunk: Buffer) => {
    const { strike } = faults;
    if (strike?.direction !== direction) return pass(chunk);
    if (chunk.length < strike.bytesLeft) {
      strike.bytesLeft -= chunk.length;
      return pass(chunk);
    }
    faults.strike = undefined;
    // The bytes before the fault must have left before a reset throws away what waits.
    to.write(chunk.subarray(0, strike.bytesLeft), () => strike.act(link));
    from.pause();
  });
  from.on('end', () => to.end());
  from.on('error', () => to.destroy());
  from.on('close', () => to.destroy());
  to.on('drain', () => {
    if (!faults.isStalled) from.resume();
  });

  function pass(chunk: Buffer): void {
    if (!to.write(chunk)) from.pause();
  }
}
