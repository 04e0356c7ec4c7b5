import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Host, Service, System } from '@banyan/chassis';
import { type Logger, systemClock } from '@banyan/core';
import type { Metrics, Telemetry } from '@banyan/telemetry';
import { shareCompiledCode } from './compiled-code.ts';
import type { DataFolder } from './data-folder.ts';
import { createLaunch, type Launch, type LaunchPlan } from './launch.ts';
import type { LogFile } from './log-file.ts';
import type { Placement } from './placement.ts';
import type { Progress } from './progress.ts';
import { importAgain } from './reload.ts';
import type { Settings } from './settings.ts';
import type { ProcessStatus } from './supervised-process.ts';
import { createSupervisor, type Supervisor } from './supervisor.ts';
import type { Terminal } from './terminal.ts';

/** A system on its way: in this process, or in one for each group. */
export interface Run {
  start(): Promise<{ readonly publicUrl: string | undefined }>;
  stop(): Promise<void>;
  /** Takes the service's files as they are now. @throws what keeps it from starting; the rest of the system goes on */
  reload(service: Service): Promise<void>;
  /** Holds up each call to a service until it is started again; 0 ends it sooner. @returns whether the service runs */
  slow(service: string, delayMs: number): Promise<boolean>;
  /** The processes of the run and how they are. */
  processes(): readonly ProcessStatus[];
  /** Tells of each process that starts, is ready or ends, is slowed, or has other circuits open. @returns a function that ends it */
  onChange(listener: () => void): () => void;
  /** What operators may do to its processes; undefined if there is only this one. */
  readonly control: Supervisor | undefined;
}

export interface RunOptions {
  readonly system: System;
  readonly directory: string;
  readonly folder: DataFolder;
  readonly placement: Placement;
  readonly plan: Omit<LaunchPlan, 'parts' | 'isAlone'>;
  readonly settings: Settings;
  readonly logger: Logger;
  /** Of this process. */
  readonly metrics: Metrics;
  readonly telemetry: Telemetry;
  readonly progress: Progress;
  readonly log: LogFile;
  readonly terminal: Terminal;
}

export function createRun(options: RunOptions): Run {
  const [only, ...others] = options.placement;
  return only !== undefined && others.length === 0
    ? new OneProcess(options, only)
    : new ManyProcesses(options);
}

class OneProcess implements Run {
  readonly #options: RunOptions;
  readonly #parts: readonly string[];
  readonly #stopping = new AbortController();
  readonly control = undefined;
  readonly #listeners = new Set<() => void>();
  #launch: Promise<Launch> | undefined;
  #host: Host | undefined;
  #state: ProcessStatus['state'] = 'stopped';
  #startedAt: string | undefined;

  constructor(options: RunOptions, parts: readonly string[]) {
    this.#options = options;
    this.#parts = parts;
  }

  async start(): Promise<{ readonly publicUrl: string | undefined }> {
    const { system, plan, settings, logger, metrics, telemetry } = this.#options;
    this.#startedAt = new Date(systemClock.nowMs()).toISOString();
    this.#change('starting');
    this.#launch = createLaunch({
      system,
      plan: { ...plan, parts: this.#parts, isAlone: true },
      source: settings.source,
      logger,
      metrics,
      telemetry,
      signal: this.#stopping.signal,
    });
    const launch = await this.#launch;
    this.#host = launch.host;
    const started = await launch.start();
    this.#change('ready');
    return started;
  }

  async stop(): Promise<void> {
    this.#change('stopping');
    this.#stopping.abort();
    // Without a launch there is nothing to stop; `start` has told why.
    const launch = await this.#launch?.catch(() => undefined);
    await launch?.stop();
  }

  processes(): readonly ProcessStatus[] {
    const { pid } = process;
    const state = this.#state;
    const startedAt = this.#startedAt;
    const parts = this.#parts;
    const delaysMs = this.#host?.delaysMs() ?? new Map();
    // Calls within a process have no circuits.
    return [{ name: parts.join('+'), parts, state, pid, restarts: 0, startedAt, delaysMs, circuits: [] }];
  }

  onChange(listener: () => void): () => void {
    return added(this.#listeners, listener);
  }

  async reload(service: Service): Promise<void> {
    try {
      await this.#host?.reload(await importAgain(service));
    } finally {
      // Its start has ended a delay.
      this.#tell();
    }
  }

  async slow(service: string, delayMs: number): Promise<boolean> {
    if (this.#state !== 'ready') return false;
    this.#host?.slow(service, delayMs);
    this.#tell();
    return true;
  }

  #change(state: ProcessStatus['state']): void {
    this.#state = state;
    this.#tell();
  }

  #tell(): void {
    for (const listener of this.#listeners) listener();
  }
}

class ManyProcesses implements Run {
  readonly control: Supervisor;
  readonly #listeners = new Set<() => void>();

  constructor(options: RunOptions) {
    const { placement, plan, settings, logger, directory } = options;
    this.control = createSupervisor({
      // JavaScript, once the package is installed.
      entry: fileURLToPath(new URL(`./main${extname(import.meta.url)}`, import.meta.url)),
      groups: placement,
      argumentsFor: (parts) => ['serve', ...parts, '--dir', directory],
      environmentFor: (parts) => ({
        ...settings.source,
        BANYAN_RUN_ID: settings.telemetry.runId,
        // Against mistakes: no process connects to the databases of others, or as a role that may do everything. It is no wall against one that was taken
        // over, which has the signing key, the platform's addresses and the variables of all services.
        DATABASE_URL: '',
        BANYAN_PROCESS: JSON.stringify({
          ...plan,
          parts,
          isAlone: false,
          ...(settings.registryUrl === undefined ? undefined : { registry: settings.registryUrl }),
          serviceUrls: Object.fromEntries(
            Object.entries(plan.serviceUrls).filter(([name]) => parts.includes(name)),
          ),
        } satisfies LaunchPlan),
      }),
      clock: systemClock,
      logger,
      onOutput: (line) => showLine(line, options),
      onChange: (status) => {
        showStatus(status, options);
        this.#tell();
      },
      onDetail: () => this.#tell(),
    });
  }

  start(): Promise<{ readonly publicUrl: string | undefined }> {
    shareCompiledCode();
    return this.control.start();
  }

  stop(): Promise<void> {
    return this.control.stop();
  }

  processes(): readonly ProcessStatus[] {
    return this.control.status();
  }

  onChange(listener: () => void): () => void {
    return added(this.#listeners, listener);
  }

  reload(service: Service): Promise<void> {
    return this.control.restart(service.name);
  }

  async slow(service: string, delayMs: number): Promise<boolean> {
    return this.control.slow(service, delayMs);
  }

  #tell(): void {
    for (const listener of this.#listeners) listener();
  }
}

function added(listeners: Set<() => void>, listener: () => void): () => void {
  listeners.add(listener);
  return () => void listeners.delete(listener);
}

type ShownOn = Pick<RunOptions, 'log' | 'logger' | 'terminal'>;

/** A child's log line goes to the file as it is; what is serious goes to the terminal, too, and so does what is no log line (a crash). */
export function showLine(line: string, { log, logger, terminal }: ShownOn): void {
  const entry = parseLogLine(line);
  if (entry === undefined) logger.warn(line);
  else {
    log.write(line);
    if (entry.level === 'warn' || entry.level === 'error') terminal.write(`  ${renderEntry(entry)}\n`);
  }
}

interface LogEntry {
  readonly time?: string;
  readonly level: string;
  readonly message: string;
  readonly service?: string;
  readonly error?: { readonly message?: string };
}

function parseLogLine(line: string): LogEntry | undefined {
  if (!line.startsWith('{')) return undefined;
  try {
    const entry = JSON.parse(line) as Partial<LogEntry>;
    return typeof entry.level === 'string' && typeof entry.message === 'string'
      ? (entry as LogEntry)
      : undefined;
  } catch {
    return undefined;
  }
}

/** As the terminal shows the lines of its own process. */
function renderEntry({ time = '', level, message, service, error }: LogEntry): string {
  const from = service === undefined ? '' : `${service}: `;
  const why = error?.message === undefined ? '' : `: ${error.message}`;
  return `${time.slice(11, 23)} ${level.toUpperCase().padEnd(5)} ${from}${message}${why}`;
}

export function showStatus(status: ProcessStatus, { progress }: Pick<RunOptions, 'progress'>): void {
  if (status.state === 'ready' && status.restarts > 0)
    progress.step(`${status.name} is back (process ${status.pid})`);
}
