import { type ChildProcess, fork } from 'node:child_process';
import { createInterface } from 'node:readline';
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
}

/** From a child to its supervisor. */
export type ChildMessage =
  | { readonly kind: 'ready'; readonly publicUrl?: string }
  | { readonly kind: 'failed'; readonly message: string }
  | { readonly kind: 'pong' };
/** From the supervisor to a child. */
export type SupervisorMessage = { readonly kind: 'stop' } | { readonly kind: 'ping' };

export interface SupervisorOptions {
  /** Module and arguments of a child process. */
  readonly entry: string;
  readonly argumentsFor: (parts: readonly string[]) => readonly string[];
  readonly environmentFor: (parts: readonly string[]) => NodeJS.ProcessEnv;
  readonly groups: readonly (readonly string[])[];
  readonly clock: Clock;
  readonly logger: Logger;
  /** One line that a child wrote to stdout or stderr. */
  readonly onOutput: (line: string) => void;
  readonly onChange?: (status: ProcessStatus) => void;
  /** A child that does not answer pings for so long is killed and replaced. Default 10,000; 0 switches it off (debuggers). */
  readonly unresponsiveAfterMs?: number;
}

/** Keeps one process per group alive: starts all at once, restarts what ends, one at a time and without touching the others. */
export interface Supervisor {
  /** Resolves when every process is ready. @throws the first child's own message if one cannot start at all */
  start(): Promise<{ readonly publicUrl: string | undefined }>;
  /** Asks every process to drain and end, the gateway's first; kills what has not ended after `timeoutMs`. Idempotent. */
  stop(timeoutMs?: number): Promise<void>;
  /** Replaces the process that hosts `part`; resolves when the new one is ready. */
  restart(part: string): Promise<void>;
  /** Ends the process that hosts `part`, and does not start it again. */
  end(part: string): Promise<void>;
  /** Starts a process that was ended. Resolves when it is ready; one that runs stays as it is. */
  begin(part: string): Promise<void>;
  /** Holds the process that hosts `part` where it is (SIGSTOP): its connections stay open and nothing answers. */
  pause(part: string): void;
  /** Lets a process that was paused go on (SIGCONT). */
  resume(part: string): void;
  /** Replaces the processes of which a group shares a part by these groups, which have the same parts. Resolves when they are ready. */
  regroup(groups: readonly (readonly string[])[]): Promise<void>;
  status(): readonly ProcessStatus[];
}

export function createSupervisor(options: SupervisorOptions): Supervisor {
  return new ForkSupervisor(options);
}

class ForkSupervisor implements Supervisor {
  readonly #options: SupervisorOptions;
  #processes: readonly SupervisedProcess[];

  constructor(options: SupervisorOptions) {
    this.#options = options;
    this.#processes = options.groups.map((parts) => new SupervisedProcess(parts, options));
  }

  async start(): Promise<{ readonly publicUrl: string | undefined }> {
    await Promise.all(this.#processes.map((each) => each.start()));
    return { publicUrl: this.#processes.map((each) => each.publicUrl).find((url) => url !== undefined) };
  }

  async stop(timeoutMs = 10_000): Promise<void> {
    const hostsGateway = (each: SupervisedProcess) => each.parts.includes('gateway');
    await Promise.all(this.#processes.filter(hostsGateway).map((each) => each.stop(timeoutMs)));
    await Promise.all(this.#processes.map((each) => each.stop(timeoutMs)));
  }

  async restart(part: string): Promise<void> {
    await this.end(part);
    await this.begin(part);
  }

  async end(part: string): Promise<void> {
    await this.#processOf(part)?.stop(stopTimeoutMs);
  }

  async begin(part: string): Promise<void> {
    const found = this.#processOf(part);
    if (found?.status().state === 'stopped') await found.start();
  }

  pause(part: string): void {
    this.#processOf(part)?.pause();
  }

  resume(part: string): void {
    this.#processOf(part)?.resume();
  }

  async regroup(groups: readonly (readonly string[])[]): Promise<void> {
    const parts = new Set(groups.flat());
    const [old, kept] = [true, false].map((isOld) =>
      this.#processes.filter((each) => each.parts.some((part) => parts.has(part)) === isOld),
    );
    await Promise.all((old ?? []).map((each) => each.stop(stopTimeoutMs)));
    const added = groups.map((group) => new SupervisedProcess(group, this.#options));
    this.#processes = [...(kept ?? []), ...added];
    await Promise.all(added.map((each) => each.start()));
  }

  #processOf(part: string): SupervisedProcess | undefined {
    return this.#processes.find((each) => each.parts.includes(part));
  }

  status(): readonly ProcessStatus[] {
    return this.#processes.map((each) => each.status());
  }
}

const stopTimeoutMs = 10_000;
const firstBackoffMs = 200;
const maxBackoffMs = 10_000;
const pingEveryMs = 2_000;
/** V8 lets the young generation grow to three times 16 MB before it looks at what is still needed: 30 MB for each process. */
const youngGeneration = '--max-semi-space-size=4';

class SupervisedProcess {
  readonly parts: readonly string[];
  publicUrl: string | undefined;
  readonly #options: SupervisorOptions;
  #state: ProcessState = 'stopped';
  #child: ChildProcess | undefined;
  #exited: Promise<void> = Promise.resolve();
  #restarts = 0;
  #backoffMs = firstBackoffMs;
  #cancelBackoff: (() => void) | undefined;
  #failure: string | undefined;
  #settleStart: ((error?: Error) => void) | undefined;
  #startedAtMs: number | undefined;

  constructor(parts: readonly string[], options: SupervisorOptions) {
    this.parts = parts;
    this.#options = options;
  }

  start(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#settleStart = (error) => (error === undefined ? resolve() : reject(error));
      this.#spawn();
    });
  }

  async stop(timeoutMs: number): Promise<void> {
    this.#cancelBackoff?.();
    if (this.#child === undefined) {
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

  status(): ProcessStatus {
    return {
      name: this.parts.join('+'),
      parts: this.parts,
      state: this.#state,
      pid: this.#child?.pid,
      restarts: this.#restarts,
      startedAt: this.#child === undefined ? undefined : this.#startedAt(),
    };
  }

  #startedAt(): string | undefined {
    return this.#startedAtMs === undefined ? undefined : new Date(this.#startedAtMs).toISOString();
  }

  #spawn(): void {
    const { entry, argumentsFor, environmentFor, onOutput } = this.#options;
    this.#failure = undefined;
    const child = fork(entry, argumentsFor(this.parts), {
      env: environmentFor(this.parts),
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      execArgv: [...process.execArgv, youngGeneration],
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
    this.#watchResponsiveness(child);
  }

  #onMessage(message: ChildMessage): void {
    switch (message.kind) {
      case 'ready':
        this.publicUrl = message.publicUrl;
        if (this.#state === 'starting') this.#change('ready');
        this.#settleStart?.();
        this.#settleStart = undefined;
        return;
      case 'failed':
        this.#failure = message.message;
        return;
      case 'pong':
        return;
    }
  }

  #onExit(code: number | null, signal: NodeJS.Signals | null): void {
    this.#child = undefined;
    if (this.#state === 'stopping') {
      this.#change('stopped');
      return;
    }
    const how = signal === null ? `with code ${code}` : `by ${signal}`;
    // A process that never came up cannot be mended by trying again: say why at once.
    if (this.#settleStart !== undefined && this.#restarts === 0) {
      this.#change('stopped');
      this.#settleStart(
        new Error(this.#failure ?? `'${this.parts.join(', ')}' ended ${how} while starting.`),
      );
      this.#settleStart = undefined;
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
