import { type ProcessOptions, type ProcessStatus, SupervisedProcess } from './supervised-process.ts';

export interface SupervisorOptions extends ProcessOptions {
  /** The parts of each process. */
  readonly groups: readonly (readonly string[])[];
}

/**
 * Keeps one process per group alive: starts all at once, restarts what ends, one at a time and without touching the others. What an operator
 * changes waits for the start and for the change before it; once `stop` is called nothing starts any more, and changes reject.
 */
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
  /** Holds up each call to `part` until its process ends; 0 ends it sooner. @returns whether the process runs */
  slow(part: string, delayMs: number): boolean;
  /** Gives `part` a process of its own; the others of its process get a new one, too. Resolves when they are ready; a part that is alone stays as it is. */
  split(part: string): Promise<void>;
  /** Moves `part` into the first process that does not host it. Resolves when all that changed are ready; without another process it stays where it is. */
  merge(part: string): Promise<void>;
  status(): readonly ProcessStatus[];
}

export function createSupervisor(options: SupervisorOptions): Supervisor {
  return new ForkSupervisor(options);
}

class ForkSupervisor implements Supervisor {
  readonly #options: SupervisorOptions;
  #processes: readonly SupervisedProcess[];
  #lastChange: Promise<unknown> = Promise.resolve();
  #isStopping = false;

  constructor(options: SupervisorOptions) {
    this.#options = options;
    this.#processes = options.groups.map((parts) => new SupervisedProcess(parts, options));
  }

  start(): Promise<{ readonly publicUrl: string | undefined }> {
    return this.#inTurn(async () => {
      await Promise.all(this.#processes.map((each) => this.#begin(each)));
      return { publicUrl: this.#processes.map((each) => each.publicUrl).find((url) => url !== undefined) };
    });
  }

  async stop(timeoutMs = stopTimeoutMs): Promise<void> {
    this.#isStopping = true;
    for (const each of this.#processes) each.expectEnd();
    const hostsGateway = (each: SupervisedProcess) => each.parts.includes('gateway');
    await Promise.all(this.#processes.filter(hostsGateway).map((each) => each.stop(timeoutMs)));
    await Promise.all(this.#processes.map((each) => each.stop(timeoutMs)));
  }

  restart(part: string): Promise<void> {
    return this.#inTurn(async () => {
      const found = this.#processOf(part);
      if (found === undefined) return;
      await found.stop(stopTimeoutMs);
      await this.#begin(found);
    });
  }

  end(part: string): Promise<void> {
    return this.#inTurn(async () => this.#processOf(part)?.stop(stopTimeoutMs));
  }

  begin(part: string): Promise<void> {
    return this.#inTurn(async () => {
      const found = this.#processOf(part);
      if (found?.status().state === 'stopped') await this.#begin(found);
    });
  }

  pause(part: string): void {
    this.#processOf(part)?.pause();
  }

  resume(part: string): void {
    this.#processOf(part)?.resume();
  }

  slow(part: string, delayMs: number): boolean {
    return this.#processOf(part)?.slow(part, delayMs) ?? false;
  }

  split(part: string): Promise<void> {
    return this.#inTurn(async () => {
      const found = this.#processOf(part);
      if (found === undefined || found.parts.length === 1) return;
      await this.#replace([found], [without(found, part), [part]]);
    });
  }

  merge(part: string): Promise<void> {
    return this.#inTurn(async () => {
      const found = this.#processOf(part);
      const other = this.#processes.find((each) => each !== found);
      if (found === undefined || other === undefined) return;
      const left = without(found, part);
      await this.#replace([found, other], [[...other.parts, part], ...(left.length === 0 ? [] : [left])]);
    });
  }

  /** Only within a turn: `groups` are made of the parts that `old` has now. */
  async #replace(old: readonly SupervisedProcess[], groups: readonly (readonly string[])[]): Promise<void> {
    await Promise.all(old.map((each) => each.stop(stopTimeoutMs)));
    const added = groups.map((group) => new SupervisedProcess(group, this.#options));
    this.#processes = [...this.#processes.filter((each) => !old.includes(each)), ...added];
    await Promise.all(added.map((each) => this.#begin(each)));
  }

  /** Two changes at once would each keep what the other one ends, and start what nobody knows. */
  #inTurn<Result>(change: () => Promise<Result>): Promise<Result> {
    const turn = this.#lastChange.then(change);
    this.#lastChange = turn.catch(() => {});
    return turn;
  }

  async #begin(found: SupervisedProcess): Promise<void> {
    if (this.#isStopping) throw new Error('Nothing is started any more: the system is stopping.');
    await found.start();
  }

  #processOf(part: string): SupervisedProcess | undefined {
    return this.#processes.find((each) => each.parts.includes(part));
  }

  status(): readonly ProcessStatus[] {
    return this.#processes.map((each) => each.status());
  }
}

function without({ parts }: SupervisedProcess, part: string): readonly string[] {
  return parts.filter((each) => each !== part);
}

const stopTimeoutMs = 10_000;
