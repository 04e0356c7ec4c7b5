import type { Server } from 'node:net';
import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Clock, Logger } from '@banyan/core';
import type { Run } from '../run.ts';
import { type ProcessStatus, SupervisedProcess } from '../supervised-process.ts';
import { consoleHost, listenAt, portOf } from './console-port.ts';
import type { ConsolePlan, FromConsole, SystemView, ToConsole } from './console-talk.ts';

export interface ConsoleProcessOptions {
  readonly plan: ConsolePlan;
  /** Both absolute. */
  readonly directory: string;
  readonly dataDirectory: string;
  readonly environment: NodeJS.ProcessEnv;
  /** See `takeConsolePort`. */
  readonly listener: Server;
  readonly run: Pick<Run, 'processes' | 'onChange' | 'slow' | 'control'>;
  readonly publicUrl: () => string | undefined;
  /** One line that it wrote. */
  readonly onOutput: (line: string) => void;
  readonly onChange: (status: ProcessStatus) => void;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** The console of a run, in a process of its own: whatever becomes of it, the system goes on, and it is started again. */
export interface ConsoleProcess {
  readonly url: string;
  /** Resolves when its pages can be opened, however often it had to be started. @throws if it is stopped before */
  start(): Promise<void>;
  /** Tells it what has changed, if that is no process. */
  tell(): void;
  /** See `SupervisedProcess.expectEnd`. */
  expectEnd(): void;
  /** Lets it write what waits. Idempotent. */
  stop(): Promise<void>;
}

export function createConsoleProcess(options: ConsoleProcessOptions): ConsoleProcess {
  return new WatchedConsole(options);
}

const stopTimeoutMs = 10_000;
/** It may have to build its page. */
const startTimeoutMs = 60_000;
/** It takes the telemetry of all the others: a small young generation would be collected all the time. */
const youngGenerationMb = 16;

class WatchedConsole implements ConsoleProcess {
  readonly url: string;
  readonly #options: ConsoleProcessOptions;
  readonly #port: number;
  readonly #process: SupervisedProcess;
  readonly #unwatch: () => void;
  /** The port, while the console does not have it. */
  #listener: Server | undefined;
  #isStopped = false;

  constructor(options: ConsoleProcessOptions) {
    const { plan, directory, dataDirectory, environment, clock, logger, listener, run } = options;
    this.#options = options;
    this.#listener = listener;
    this.#port = portOf(listener) ?? 0;
    this.url = `http://${consoleHost}:${this.#port}`;
    this.#process = new SupervisedProcess(['console'], {
      // JavaScript, once the package is installed.
      entry: fileURLToPath(new URL(`../main${extname(import.meta.url)}`, import.meta.url)),
      argumentsFor: () => ['console', '--dir', directory, '--data', dataDirectory],
      environmentFor: () => ({ ...environment, BANYAN_CONSOLE: JSON.stringify(plan) }),
      youngGenerationMb,
      failedStart: 'crash',
      startTimeoutMs,
      clock,
      logger,
      onOutput: options.onOutput,
      onChange: (status) => {
        if (status.state === 'waiting') void this.#takePort();
        options.onChange(status);
      },
      onTalk: (body) => void this.#answer(body as FromConsole),
    });
    this.#unwatch = run.onChange(() => this.tell());
  }

  start(): Promise<void> {
    return this.#process.start();
  }

  tell(): void {
    this.#say({ tell: 'system', system: this.#view() });
  }

  expectEnd(): void {
    this.#process.expectEnd();
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#unwatch();
    await this.#process.stop(stopTimeoutMs);
    this.#listener?.close();
  }

  async #answer(asked: FromConsole): Promise<void> {
    if (asked.ask === 'begin') await this.#handOverPort();
    else await this.#do(asked);
  }

  /** The port is held until the console has it: no other program gets it in between. */
  async #handOverPort(): Promise<void> {
    const problem = await this.#takePort();
    const listener = this.#listener;
    if (listener === undefined) {
      this.#say({ tell: 'taken', message: problem ?? `Port ${this.#port} is gone.` });
      return;
    }
    this.#listener = undefined;
    await this.#process.talk({ tell: 'begin', system: this.#view() } satisfies ToConsole, listener);
    listener.close();
  }

  /** Holds the port for the next start of the console. @returns why it cannot */
  async #takePort(): Promise<string | undefined> {
    if (this.#listener !== undefined || this.#isStopped) return undefined;
    try {
      this.#listener = await listenAt(this.#port);
      return undefined;
    } catch (error) {
      return error instanceof Error ? error.message : String(error);
    }
  }

  async #do({ id, ...deed }: FromConsole & { readonly ask: 'control' }): Promise<void> {
    try {
      const value = await this.#act(deed);
      // What it has changed is known before it is done.
      this.tell();
      this.#say({ tell: 'done', id, value });
    } catch (error) {
      // The page shows the message alone; whether it is a fault of ours shows in the stack.
      this.#options.logger.warn(`'${deed.verb}', asked for in the console, failed`, { error });
      this.#say({ tell: 'done', id, problem: error instanceof Error ? error.message : String(error) });
    }
  }

  async #act({ verb, words }: Pick<FromConsole & { readonly ask: 'control' }, 'verb' | 'words'>) {
    const { run } = this.#options;
    const { control } = run;
    const given = words as never[];
    if (verb === 'slow') return (run.slow as (...words: never[]) => Promise<boolean>).apply(run, given);
    if (control === undefined) throw new Error('The whole system runs in one process.');
    const act: (...words: never[]) => Promise<void> | void = control[verb];
    await act.apply(control, given);
    return undefined;
  }

  #view(): SystemView {
    const { run, publicUrl } = this.#options;
    const url = publicUrl();
    return {
      processes: run.processes().map((each) => ({ ...each, delaysMs: [...each.delaysMs] })),
      ...(url === undefined ? undefined : { publicUrl: url }),
      isControlled: run.control !== undefined,
    };
  }

  #say(body: ToConsole): void {
    void this.#process.talk(body);
  }
}
