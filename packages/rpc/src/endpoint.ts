import type { Contract, Upload } from '@banyan/contract';
import type { CallContext } from '@banyan/core';

/**
 * One service as something that can be called, wherever it runs: in this process, or behind a network.
 * Both kinds pass the conformance suite of `@banyan/rpc/testing`.
 */
export interface Endpoint {
  readonly contract: Contract;
  /**
   * Calls one operation.
   *
   * Resolves with the output as its schema yields it (a `Download` for a binary output). Rejects with a `ServiceError`: a
   * declared refusal (`declared: true`, `reason` its name, `details` its data), or a platform error: `invalid_argument`,
   * `deadline_exceeded` as soon as `context.deadlineMs` passes (the work may have run), `cancelled` as soon as `context.signal`
   * aborts (the work may have run), `unavailable` when the service could not answer.
   *
   * @param operation key in `contract.operations`; an unknown one rejects with `unimplemented`
   * @param input what the caller handed in, not yet validated
   */
  call(operation: string, input: unknown, context: CallContext, upload?: Upload): Promise<unknown>;
}
