import { type ChildProcess, fork } from 'node:child_process';
import type { Server } from 'node:net';
import { createInterface } from 'node:readline';
import type { OpenCircuit } from '@banyan/chassis';
import type { Clock, Logger } from '@banyan/core';

export const processStates = ['starting', 'ready', 'paused', 'waiting', 'stopping', 'stopped'] as const;
/** `paused`: an operator holds it with a signal. `waiting`: it ended unexpectedly and starts again after a back-off. */
export type ProcessState = (typeof processStates)[number];

export interface ProcessStatus {
  readonly name: string;
  readonly parts: readonly string[];
  readonly state: ProcessState;
  readonly pid: number | undefined;
  /** Unexpected ends so far. */
  readonly restarts: number;
  /** RFC 3339 UTC, of the process that runs now. */
  readonly startedAt: string | undefined;
  /** How long calls to a part are held up, for those that an operator has slowed. */
  readonly delaysMs: ReadonlyMap<string, number>;
  /** Of calls from its parts, as the process itself told last. */
  readonly circuits: readonly OpenCircuit[];
}

/** From a child to its supervisor. */
export type ChildMessage =
  | { readonly kind: 'ready'; readonly publicUrl?: string }
  | { readonly kind: 'failed'; readonly message: string }
  | { readonly kind: 'circuits'; readonly circuits: readonly OpenCircuit[] }
  | { readonly kind: 'pong' }
  | Talk;
/** From the supervisor to a child. */
export type SupervisorMessage =
  | { readonly kind: 'stop' }
  | { readonly kind: 'ping' }
  | { readonly kind: 'slow'; readonly part: string; readonly delayMs: number }
  | Talk;

/** What the two sides of one process have to say to each other beside its life. */
interface Talk {
  readonly kind: 'talk';
  readonly body: unknown;
}

export interface ProcessOptions {
  /** Module and arguments of a child process. */
  readonly entry: string;
  readonly argumentsFor: (parts: readonly string[]) => readonly string[];
  readonly environmentFor: (parts: readonly string[]) => NodeJS.ProcessEnv;
  readonly clock: Clock;
  readonly logger: Logger;
  /** One line that a child wrote to stdout or stderr. */
  readonly onOutput: (line: string) => void;
  readonly onChange?: (status: ProcessStatus) => void;
  /** What a child says with `SupervisorChannel.talk`. */
  readonly onTalk?: (body: unknown) => void;
  /** Its state is the same; its delays or circuits are not. */
  readonly onDetail?: () => void;
  /** A child that does not answer pings for so long is killed and replaced. Default 10,000; 0 switches it off (debuggers). */
  readonly unresponsiveAfterMs?: number;
  /**
   * What it means if a process ends before it was ready for the first time, or the first since `stop`. `final`: `start` rejects, and it stays stopped. `crash`: it
   * is started again like any other, and `start` goes on waiting. Default `final`.
   */
  readonly failedStart?: 'final' | 'crash';
  /** A child that is not ready after so long is killed. Default: it may take its time. */
  readonly startTimeoutMs?: number;
  /**
   * Megabytes of V8's young generation, which it lets grow to three times that before it looks at what is still needed. Default 4: 30 MB less for each process
   * than V8 would take.
   */
  readonly youngGenerationMb?: number;
}

const firstBackoffMs = 200;
const maxBackoffMs = 10_000;
const pingEveryMs = 2_000;
const defaultYoungGenerationMb = 4;

/** One child process, started again whenever it ends by itself. */
export class SupervisedProcess {
  readonly parts: readonly string[];
  publicUrl: string | undefined;
  readonly #options: ProcessOptions;
  #state: ProcessState = 'stopped';
  #child: ChildProcess | undefined;
  #exited: Promise<void> = Promise.resolve();
  #restarts = 0;
  #backoffMs = firstBackoffMs;
  #cancelBackoff: (() => void) | undefined;
  #isEndExpected = false;
  #failure: string | undefined;
  #settleStart: ((error?: Error) => void) | undefined;
  #startedAtMs: number | undefined;
  readonly #delaysMs = new Map<string, number>();
  #circuits: readonly OpenCircuit[] = [];

  constructor(parts: readonly string[], options: ProcessOptions) {
    this.parts = parts;
    this.#options = options;
  }

  start(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#settleStart = (error) => (error === undefined ? resolve() : reject(error));
      this.#spawn();
    });
  }

  /** The system stops: if the process ends from now on, that is no fault, and it is not started again. */
  expectEnd(): void {
    this.#isEndExpected = true;
    this.#cancelBackoff?.();
  }

  async stop(timeoutMs: number): Promise<void> {
    this.#cancelBackoff?.();
    if (this.#child === undefined) {
      this.#endStart(this.#stoppedWhileStarting());
      this.#change('stopped');
      return;
    }
    this.resume();
    this.#change('stopping');
    this.#send({ kind: 'stop' });
    const cancelKill = this.#options.clock.setTimer(() => this.#child?.kill('SIGKILL'), timeoutMs);
    await this.#exited;
    cancelKill();
  }

  pause(): void {
    if (this.#state !== 'ready' || this.#child === undefined) return;
    this.#child.kill('SIGSTOP');
    this.#change('paused');
  }

  resume(): void {
    if (this.#state !== 'paused' || this.#child === undefined) return;
    this.#child.kill('SIGCONT');
    this.#change('ready');
  }

  /** @returns whether the process runs */
  slow(part: string, delayMs: number): boolean {
    if (this.#state !== 'ready' && this.#state !== 'paused') return false;
    this.#send({ kind: 'slow', part, delayMs });
    if (delayMs === 0) this.#delaysMs.delete(part);
    else this.#delaysMs.set(part, delayMs);
    this.#options.onDetail?.();
    return true;
  }

  /** Says something to the child, with a handle if it is to have one. Resolves when it is on its way, or there is no child to hear it. */
  talk(body: unknown, handle?: Server): Promise<void> {
    const child = this.#child;
    if (child?.connected !== true) return Promise.resolve();
    return new Promise((resolve) => child.send({ kind: 'talk', body }, handle, () => resolve()));
  }

  status(): ProcessStatus {
    return {
      name: this.parts.join('+'),
      parts: this.parts,
      state: this.#state,
      pid: this.#child?.pid,
      restarts: this.#restarts,
      startedAt: this.#child === undefined ? undefined : this.#startedAt(),
      delaysMs: new Map(this.#delaysMs),
      circuits: this.#circuits,
    };
  }

  #startedAt(): string | undefined {
    return this.#startedAtMs === undefined ? undefined : new Date(this.#startedAtMs).toISOString();
  }

  #spawn(): void {
    const { entry, argumentsFor, environmentFor, onOutput } = this.#options;
    const { youngGenerationMb = defaultYoungGenerationMb } = this.#options;
    this.#failure = undefined;
    const child = fork(entry, argumentsFor(this.parts), {
      env: environmentFor(this.parts),
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      execArgv: [...process.execArgv, `--max-semi-space-size=${youngGenerationMb}`],
    });
    this.#child = child;
    this.#startedAtMs = this.#options.clock.nowMs();
    this.#change('starting');
    for (const stream of [child.stdout, child.stderr]) {
      if (stream !== null) createInterface({ input: stream }).on('line', onOutput);
    }
    child.on('message', (message: ChildMessage) => this.#onMessage(message));
    this.#exited = new Promise((resolve) => {
      child.once('exit', (code, signal) => {
        this.#onExit(code, signal);
        resolve();
      });
    });
    this.#watchStart(child);
    this.#watchResponsiveness(child);
  }

  #onMessage(message: ChildMessage): void {
    switch (message.kind) {
      case 'ready':
        this.publicUrl = message.publicUrl;
        if (this.#state === 'starting') this.#change('ready');
        this.#endStart();
        return;
      case 'failed':
        this.#failure = message.message;
        return;
      case 'talk':
        this.#options.onTalk?.(message.body);
        return;
      case 'circuits':
        this.#circuits = message.circuits;
        this.#options.onDetail?.();
        return;
      case 'pong':
        return;
    }
  }

  #onExit(code: number | null, signal: NodeJS.Signals | null): void {
    this.#child = undefined;
    this.#delaysMs.clear();
    this.#circuits = [];
    if (this.#state === 'stopping' || this.#isEndExpected) {
      this.#endStart(this.#stoppedWhileStarting());
      this.#change('stopped');
      return;
    }
    const how = signal === null ? `with code ${code}` : `by ${signal}`;
    const { failedStart = 'final' } = this.#options;
    // A process that never came up is rarely mended by trying again: say why at once.
    if (this.#settleStart !== undefined && failedStart === 'final') {
      this.#change('stopped');
      this.#endStart(new Error(this.#failure ?? `'${this.parts.join(', ')}' ended ${how} while starting.`));
      return;
    }
    this.#restarts += 1;
    const waitMs = this.#backoffMs;
    this.#options.logger.warn(`${this.parts.join(', ')} ended ${how}; starting again in ${waitMs} ms`, {
      restarts: this.#restarts,
    });
    this.#backoffMs = Math.min(this.#backoffMs * 2, maxBackoffMs);
    this.#change('waiting');
    this.#cancelBackoff = this.#options.clock.setTimer(() => this.#spawn(), waitMs);
  }

  /** Settles the promise of `start`, if one waits. */
  #endStart(error?: Error): void {
    this.#settleStart?.(error);
    this.#settleStart = undefined;
  }

  #stoppedWhileStarting(): Error {
    return new Error(`'${this.parts.join(', ')}' was stopped while it was starting.`);
  }

  #watchStart(child: ChildProcess): void {
    const { startTimeoutMs, clock, logger } = this.#options;
    if (startTimeoutMs === undefined) return;
    const cancel = clock.setTimer(() => {
      if (this.#state !== 'starting') return;
      logger.error(`${this.parts.join(', ')} is not ready after ${startTimeoutMs} ms; ending it`);
      child.kill('SIGKILL');
    }, startTimeoutMs);
    child.once('exit', cancel);
  }

  #watchResponsiveness(child: ChildProcess): void {
    const limitMs = this.#options.unresponsiveAfterMs ?? 10_000;
    if (limitMs === 0) return;
    const { clock, logger } = this.#options;
    let lastAnswerMs = clock.nowMs();
    child.on('message', () => {
      lastAnswerMs = clock.nowMs();
    });
    let lastPingMs = lastAnswerMs;
    const ping = () => {
      if (this.#child !== child) return;
      const now = clock.nowMs();
      const ownPauseMs = now - lastPingMs - pingEveryMs;
      // After a pause of this very process (laptop asleep, SIGSTOP) silence proves nothing about the child.
      if (ownPauseMs > pingEveryMs) lastAnswerMs = now;
      lastPingMs = now;
      if (now - lastAnswerMs > limitMs) {
        logger.error(`${this.parts.join(', ')} has not answered for ${limitMs} ms; replacing it`);
        child.kill('SIGKILL');
        return;
      }
      if (this.#state === 'ready') {
        this.#backoffMs = Math.max(firstBackoffMs, this.#backoffMs - pingEveryMs);
        this.#send({ kind: 'ping' });
      } else {
        lastAnswerMs = now;
      }
      clock.setTimer(ping, pingEveryMs);
    };
    clock.setTimer(ping, pingEveryMs);
  }

  #send(message: SupervisorMessage): void {
    // The channel may close between the check and the write: a dead child is handled by its exit event.
    if (this.#child?.connected) this.#child.send(message, () => {});
  }

  #change(state: ProcessState): void {
    this.#state = state;
    this.#options.onChange?.(this.status());
  }
}
