import { type Contract, clientHeader, type Operation, sessionHeader } from '@banyan/contract';
import type { Access } from '../policy.ts';

/** An operation that no service keeps: the gateway answers it, out of what it asks services. */
export type JoinedOperation<Joined extends Operation = Operation> = Joined & { readonly join: Join };

export interface Join {
  /** What may be asked, by the name that `ask` takes. Reading operations only. */
  readonly parts: Readonly<Record<string, PartReference>>;
  /** @param input as its schema yields it */
  answer(input: unknown, asking: Asking): Promise<unknown>;
}

/** An operation that a joined one asks. If it is exposed, its own policy holds; if not, `access` says for whom it is here. */
export interface PartReference {
  readonly contract: Contract;
  readonly operation: string;
  readonly access?: Access | undefined;
  /** The answer as a whole fails without it, so whoever may not have it may not have the answer. */
  readonly isMandatory: boolean;
}

/** One request to a joined operation. */
export interface Asking {
  /**
   * Asks one part, after its own policy: access, quotas, kept answers, overload. The caller is that of the request, and so is the trace.
   * @throws ServiceError as the operation does, and what its policy refuses with
   */
  ask(part: string, input: unknown, options?: AskOptions): Promise<PartAnswer>;
  /** When the request must be answered. */
  readonly deadlineMs: number;
  nowMs(): number;
  /** Notes a failure that the answer does not end with. */
  report(part: string, error: unknown): void;
}

export interface AskOptions {
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

export interface PartAnswer {
  readonly output: unknown;
  /** Seconds since it was true, if the service could not answer and an older answer was given instead. */
  readonly keptS?: number;
}

export function joinOf(operation: Operation): Join | undefined {
  return (operation as Partial<JoinedOperation>).join;
}

/** True for an input field in which the gateway says which client or session a request is from: nobody else may. */
export function isOfTheGateway({ headers }: Operation, field: string): boolean {
  const header = Object.hasOwn(headers, field) ? headers[field] : undefined;
  return header === clientHeader || header === sessionHeader;
}
