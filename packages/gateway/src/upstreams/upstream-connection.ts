import type { Socket } from 'node:net';
import type { DeadlineWheel } from '@banyan/resilience';

/** Whoever has a connection for one request. Nothing follows `onBroken`. */
export interface ConnectionUser {
  onConnected(): void;
  onBytes(bytes: Buffer): void;
  /** The upstream will send no more. */
  onLastByte(): void;
  /** What was written is on its way, and more may follow. */
  onDrain(): void;
  onBroken(error: Error | undefined): void;
}

export interface ConnectionOptions {
  /** Begins to connect. */
  readonly open: () => Socket;
  readonly connectedBy: 'connect' | 'secureConnect';
  readonly connectTimeoutMs: number;
  readonly nowMs: number;
  readonly wheel: DeadlineWheel;
  readonly onClose: (connection: UpstreamConnection) => void;
}

/** One connection to an upstream, which carries one request at a time. */
export class UpstreamConnection {
  readonly socket: Socket;
  connected = false;
  /** It has carried a request to its end before, so the upstream may be about to close it. */
  used = false;
  idleSinceMs = 0;
  #user: ConnectionUser | undefined = undefined;
  #error: Error | undefined = undefined;

  constructor(options: ConnectionOptions) {
    const { wheel, nowMs, connectTimeoutMs, onClose } = options;
    const socket = options.open();
    this.socket = socket;
    const deadline = wheel.add(nowMs + connectTimeoutMs, {
      expire: () => socket.destroy(new Error(`no connection within ${connectTimeoutMs} ms`)),
    });
    socket.once(options.connectedBy, () => {
      wheel.cancel(deadline);
      this.connected = true;
      this.#user?.onConnected();
    });
    socket.on('data', (bytes: Buffer) => {
      // Nobody has asked for it; taken for an answer it would be somebody else's.
      if (this.#user === undefined) socket.destroy();
      else this.#user.onBytes(bytes);
    });
    socket.on('end', () => this.#user?.onLastByte());
    socket.on('drain', () => this.#user?.onDrain());
    socket.on('error', (error) => {
      this.#error = error;
    });
    socket.on('close', () => {
      wheel.cancel(deadline);
      onClose(this);
      const user = this.#user;
      this.#user = undefined;
      user?.onBroken(this.#error);
    });
  }

  lendTo(user: ConnectionUser): void {
    this.#user = user;
    if (this.connected) user.onConnected();
  }

  /** The user hears no more of it. */
  takeBack(): void {
    this.#user = undefined;
  }
}
