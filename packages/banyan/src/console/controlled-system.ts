import type { ProcessStatus } from '../supervised-process.ts';
import type { Supervisor } from '../supervisor.ts';

export const controlVerbs = ['restart', 'end', 'begin', 'pause', 'resume', 'split', 'merge'] as const;
export type ControlVerb = (typeof controlVerbs)[number];

/** What an operator may do to processes, as the supervisor does it. */
export type ProcessControl = {
  readonly [Verb in ControlVerb]: (...words: Parameters<Supervisor[Verb]>) => Promise<void>;
};

/** The processes of a system, as whoever watches them knows them. */
export interface ControlledSystem {
  processes(): readonly ProcessStatus[];
  /** Where the gateway listens; undefined without one, and before it does. */
  publicUrl(): string | undefined;
  /** See `Run.onChange`. @returns a function that ends it */
  onChange(listener: () => void): () => void;
  /** See `Run.slow`. */
  slow(service: string, delayMs: number): Promise<boolean>;
  /** Undefined if the system runs as one process. */
  readonly control: ProcessControl | undefined;
}
