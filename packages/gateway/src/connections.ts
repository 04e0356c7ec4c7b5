import type { Socket } from 'node:net';
import { plainAddress } from './client-address.ts';

/** The fields that say who asks, and what they were made from. */
export interface Introduction {
  readonly address: string;
  readonly host: string;
  readonly scheme: string;
  readonly fields: string;
}

/** One open connection of a client. */
export interface Connection {
  readonly socket: Socket;
  /** Address of the other end, IPv4 always as such; Node forgets it when the socket closes. */
  readonly peer: string | undefined;
  /** Requests of this connection that are not answered yet. */
  active: number;
  /** The one that arrived last; only its answer may end the connection. */
  newest: unknown;
  /** Nothing that arrives from now on is a request. */
  isClosing: boolean;
  /** What upstreams were last told about who asks on it. */
  introduction: Introduction | undefined;
  /** Since when it waits for a request, on the process's own monotonic time: sockets do not follow a test's clock. */
  idleSinceMs: number;
}

/** The open connections, and how they end. */
export interface Connections {
  open(socket: Socket): Connection;
  of(socket: Socket): Connection;
  /** One request on a connection that carries many at once (HTTP/2): what ends it does not end the others. */
  stream(socket: Socket): Connection;
  /**
   * Closes each connection as soon as it has been idle for a moment, and all after `timeoutMs`; resolves when none is left.
   * The moment is for a client that has sent its next request before it could know.
   */
  drain(timeoutMs: number): Promise<void>;
}

/** Long enough for a request on its way, short enough that nobody notices at a restart. */
const lingerMs = 300;
const checkEveryMs = 50;

export function createConnections(): Connections {
  return new OpenConnections();
}

class OpenConnections implements Connections {
  readonly #open = new Map<Socket, Connection>();

  open(socket: Socket): Connection {
    const connection = {
      socket,
      peer: socket.remoteAddress && plainAddress(socket.remoteAddress),
      active: 0,
      newest: undefined,
      isClosing: false,
      introduction: undefined,
      idleSinceMs: performance.now(),
    };
    this.#open.set(socket, connection);
    socket.once('close', () => this.#open.delete(socket));
    return connection;
  }

  of(socket: Socket): Connection {
    return this.#open.get(socket) ?? this.open(socket);
  }

  stream(socket: Socket): Connection {
    return new Stream(this.of(socket));
  }

  drain(timeoutMs: number): Promise<void> {
    const startedMs = performance.now();
    let checkedMs = startedMs;
    let awakeSinceMs = startedMs;
    return new Promise((resolve) => {
      const endIdle = () => {
        const nowMs = performance.now();
        // While the process, or the whole machine, stood still, no client could be heard.
        if (nowMs - checkedMs > lingerMs / 2) awakeSinceMs = nowMs;
        checkedMs = nowMs;
        for (const connection of this.#open.values()) {
          if (nowMs - startedMs >= timeoutMs) connection.socket.destroy();
          else this.#endIfIdle(connection, awakeSinceMs, nowMs);
        }
        if (this.#open.size === 0) resolve();
        // A real timer, because those of the clock do not keep a process alive that still owes answers.
        else setTimeout(check, checkEveryMs);
      };
      // Timers come before sockets in a turn: a process that stood still would take a connection for idle whose request it has not read yet.
      const check = () => setImmediate(endIdle);
      check();
    });
  }

  #endIfIdle({ socket, active, idleSinceMs }: Connection, awakeSinceMs: number, nowMs: number): void {
    if (active > 0 || nowMs - Math.max(idleSinceMs, awakeSinceMs) < lingerMs) return;
    // A client that never closes its half would hold the process up.
    if (socket.writableEnded) socket.destroy();
    else socket.end();
  }
}

class Stream implements Connection {
  readonly socket: Socket;
  readonly peer: string | undefined;
  readonly #whole: Connection;
  newest: unknown = undefined;
  isClosing = false;
  introduction: Introduction | undefined = undefined;

  constructor(whole: Connection) {
    this.socket = whole.socket;
    this.peer = whole.peer;
    this.#whole = whole;
  }

  get active(): number {
    return this.#whole.active;
  }

  set active(count: number) {
    this.#whole.active = count;
  }

  get idleSinceMs(): number {
    return this.#whole.idleSinceMs;
  }

  set idleSinceMs(sinceMs: number) {
    this.#whole.idleSinceMs = sinceMs;
  }
}
