import type { ProcessStatus } from '../supervised-process.ts';
import type { ControlVerb } from './controlled-system.ts';

/** From the process of the console to the supervisor: all that it may ask. */
export type FromConsole =
  /** The answer is `begin`, or `taken`. */
  | { readonly ask: 'begin' }
  /** The answer is `done` with the same id. */
  | {
      readonly ask: 'control';
      readonly id: number;
      readonly verb: ControlVerb | 'slow';
      readonly words: unknown[];
    };

/** From the supervisor to the process of the console. */
export type ToConsole =
  /** The port comes with it. */
  | { readonly tell: 'begin'; readonly system: SystemView }
  /** Another program has the port by now. */
  | { readonly tell: 'taken'; readonly message: string }
  | { readonly tell: 'system'; readonly system: SystemView }
  | { readonly tell: 'done'; readonly id: number; readonly value?: unknown; readonly problem?: string };

/** What is known of the system at one moment. */
export interface SystemView {
  readonly processes: readonly ProcessView[];
  readonly publicUrl?: string;
  /** Whether operators can do something to its processes. */
  readonly isControlled: boolean;
}

/** A status as JSON can say it. */
export interface ProcessView extends Omit<ProcessStatus, 'delaysMs'> {
  readonly delaysMs: readonly (readonly [part: string, delayMs: number])[];
}

/** What the process of the console needs to begin; crosses as JSON in `BANYAN_CONSOLE`. */
export interface ConsolePlan {
  readonly runId: string;
  /** RFC 3339 UTC, of the run: the console may start again while it lasts. */
  readonly startedAt: string;
  /** Name of the system's processes among its replicas, as it was given to them: `BANYAN_INSTANCE`, or that with a number if it was taken. */
  readonly instance: string;
  /** What the list of runs shows of this one. */
  readonly about: Readonly<Record<string, string>>;
  /** A role that may create databases. */
  readonly adminUrl: string;
  readonly secret: string;
  /** Names of the variables that the run was started with; others came from `.env`. */
  readonly fromEnvironment: readonly string[];
  /** See `Settings.fromConsole`. */
  readonly fromConsole: readonly string[];
}
