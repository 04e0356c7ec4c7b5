import type { OnReadOpts, Socket } from 'node:net';
import type { DeadlineWheel } from '@banyan/resilience';

/** Whoever has a connection for one request. Nothing follows `onBroken`. */
export interface ConnectionUser {
  onConnected(): void;
  /** @returns true if nothing of them is needed any more: what comes next is then written over them */
  onBytes(bytes: Buffer): boolean;
  /** The upstream will send no more. */
  onLastByte(): void;
  /** What was written is on its way, and more may follow. */
  onDrain(): void;
  onBroken(error: Error | undefined): void;
}

export interface ConnectionOptions {
  /** Begins to connect. @param reads takes what arrives; where it cannot be had, `data` tells */
  readonly open: (reads: OnReadOpts) => Socket;
  readonly connectedBy: 'connect' | 'secureConnect';
  readonly connectTimeoutMs: number;
  readonly nowMs: number;
  readonly wheel: DeadlineWheel;
  readonly onClose: (connection: UpstreamConnection) => void;
}

/** What is read at once, as Node does. */
const readBytes = 65_536;
/** Up to this a copy costs less than memory of its own, also if it is kept for long. */
const maxCopiedBytes = 16_384;

/** One connection to an upstream, which carries one request at a time. */
export class UpstreamConnection {
  readonly socket: Socket;
  connected = false;
  /** It has carried a request to its end before, so the upstream may be about to close it. */
  used = false;
  /** It carries something now. */
  isBusy = false;
  idleSinceMs = 0;
  #user: ConnectionUser | undefined = undefined;
  #error: Error | undefined = undefined;
  /** Used again for as long as nobody keeps what is in it: memory that is new for each read costs more than to read. */
  #buffer = Buffer.allocUnsafeSlow(readBytes);

  constructor(options: ConnectionOptions) {
    const { wheel, nowMs, connectTimeoutMs, onClose } = options;
    const socket = options.open({
      buffer: () => this.#buffer,
      callback: (count) => {
        this.#read(count);
        return true;
      },
    });
    this.socket = socket;
    const deadline = wheel.add(nowMs + connectTimeoutMs, {
      expire: () => socket.destroy(new Error(`no connection within ${connectTimeoutMs} ms`)),
    });
    socket.once(options.connectedBy, () => {
      wheel.cancel(deadline);
      this.connected = true;
      this.#user?.onConnected();
    });
    socket.on('data', (bytes: Buffer) => this.#pass(bytes));
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

  #read(count: number): void {
    if (count <= maxCopiedBytes) {
      const copy = Buffer.allocUnsafe(count);
      this.#buffer.copy(copy, 0, 0, count);
      this.#pass(copy);
    } else if (!this.#pass(this.#buffer.subarray(0, count))) this.#buffer = Buffer.allocUnsafeSlow(readBytes);
  }

  #pass(bytes: Buffer): boolean {
    if (this.#user !== undefined) return this.#user.onBytes(bytes);
    // Nobody has asked for it; taken for an answer it would be somebody else's.
    this.socket.destroy();
    return true;
  }
}
