import type { Contract, InputOf, Operation, OutputOf } from '@banyan/contract';
import type { operationsApi } from './contract/operations-contract.ts';
import type { telemetryApi } from './contract/telemetry-contract.ts';

/** Who asks. */
export interface Asker {
  /** Name for the audit: the signed-in user, else `console`. */
  readonly by: string;
  /** Aborted when nobody waits for the answer any more. */
  readonly signal: AbortSignal;
  /** For an answer that goes on and on: false once the user has signed out, or the session is over. Default: true. */
  readonly isAdmitted?: () => boolean;
}

type HandlerOf<Op> = Op extends Operation
  ? (input: OutputOf<Op['input']>, asker: Asker) => Promise<InputOf<Op['output']>>
  : never;

/** One function for each operation of a contract. Input is validated before, output afterwards. */
export type HandlersOf<C extends Contract> = {
  readonly [Name in keyof C['operations']]: HandlerOf<C['operations'][Name]>;
};

export type TelemetryHandlers = HandlersOf<typeof telemetryApi>;
/** The running system, as the command line that runs it can show and change it. */
export type OperationsHandlers = HandlersOf<typeof operationsApi>;
