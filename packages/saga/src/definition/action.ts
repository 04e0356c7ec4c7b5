import type {
  Contract,
  InputOf,
  MessageType,
  MetricsOf,
  Operation,
  OutputOf,
  Schema,
} from '@banyan/contract';
import type { Logger, Sql } from '@banyan/core';
import type { SagaFailure } from '../state.ts';

/** What every action knows of the attempt it is part of. */
export interface StepContext {
  readonly sagaId: string;
  /** Names the effect: the same in every attempt, another one for each step, its undoing, and each round after a restart. */
  readonly idempotencyKey: string;
  /** 1 for the first attempt. */
  readonly attempt: number;
  /** For a tentative step: when the reservation ends unless it is confirmed, RFC 3339 UTC. */
  readonly expiresAt: string | undefined;
  /** While the saga is being undone: why. */
  readonly failure: SagaFailure | undefined;
}

/** Records an event in the step's transaction. */
export type EmitOf<C extends Contract> = <Name extends keyof C['events'] & string>(
  name: Name,
  data: InputOf<C['events'][Name]['data']>,
) => void;

/** What a step that works in the service's own transaction may use. */
export interface TxStepContext<C extends Contract = Contract> extends StepContext {
  /** The step's effect and the saga's progress commit together, or neither does. */
  readonly sql: Sql;
  readonly emit: EmitOf<C>;
  /** What the contract declares; counts when the step is on record. */
  readonly metrics: MetricsOf<C>;
  readonly log: Logger;
  /** Ends the step with a refusal: final, and handled by the step's policy. Never returns. */
  refuse(reason: string, details?: unknown): never;
}

/** What a step that does something else may use. */
export interface RunStepContext extends StepContext {
  readonly log: Logger;
  /** Aborts when the worker stops, or nobody waits for the step any more. */
  readonly signal: AbortSignal;
  refuse(reason: string, details?: unknown): never;
}

/** Calls an operation of a service in `uses`. Its effect happens once, however often it is asked. */
export interface CallAction<State, Op extends Operation = Operation> {
  readonly call: Op;
  /** The operation's input. Must be pure: it may be asked again, and the answer must be the same. */
  readonly with: (state: State, context: StepContext) => InputOf<Op['input']>;
  readonly send?: never;
  readonly tx?: never;
  readonly run?: never;
}

/** What comes back for a message; undefined for a one-way message. */
export type ReplyOf<Message extends MessageType> = Message['reply'] extends Schema
  ? OutputOf<Message['reply']>
  : undefined;

/**
 * Sends a message to a service in `uses` and goes on when its reply is there; with a one-way message at once. The message is sent, if, and only if, the
 * step is on record, and handled once; the reply counts once.
 */
export interface SendAction<State, Message extends MessageType = MessageType> {
  readonly send: Message;
  /** The message's data. Must be pure. */
  readonly with: (state: State, context: StepContext) => InputOf<Message['data']>;
  /** The reason, if a reply is a refusal. Must be pure. Default: no reply is. */
  readonly refusal?: (reply: ReplyOf<Message>) => string | undefined;
  readonly call?: never;
  readonly tx?: never;
  readonly run?: never;
}

/** Works in the service's own database, in the transaction that also records the step. */
export interface TxAction<State, C extends Contract, Result> {
  readonly tx: (state: State, context: TxStepContext<C>) => Promise<Result>;
  readonly call?: never;
  readonly send?: never;
  readonly run?: never;
}

/** Does something outside of the platform, at least once. Hand the idempotency key on. */
export interface RunAction<State, Result> {
  readonly run: (state: State, context: RunStepContext) => Promise<Result>;
  readonly call?: never;
  readonly send?: never;
  readonly tx?: never;
}

/** What undoes, confirms or cancels; its result is not kept. */
export type Effect<
  State,
  C extends Contract,
  Op extends Operation = Operation,
  Message extends MessageType = MessageType,
> =
  | CallAction<State, Op>
  | SendAction<State, Message>
  | TxAction<State, C, unknown>
  | RunAction<State, unknown>;

/** An action with its types erased, as a definition holds it. */
export type Action =
  | {
      readonly kind: 'call';
      readonly operation: Operation;
      readonly with: (state: object, context: StepContext) => unknown;
    }
  | {
      readonly kind: 'send';
      readonly message: MessageType;
      readonly with: (state: object, context: StepContext) => unknown;
      readonly refusal: (reply: unknown) => string | undefined;
    }
  | { readonly kind: 'tx'; readonly tx: (state: object, context: TxStepContext) => Promise<unknown> }
  | { readonly kind: 'run'; readonly run: (state: object, context: RunStepContext) => Promise<unknown> };

export const actionKinds = ['call', 'send', 'tx', 'run'] as const;
type Given = Partial<Record<(typeof actionKinds)[number] | 'with' | 'refusal', unknown>>;

/** @throws TypeError unless it is exactly one of `call` and `with`, `send` and `with`, `tx`, or `run` */
export function toAction(where: string, given: object): Action {
  const { call, send, tx, run, with: toInput, refusal }: Given = given;
  const kinds = [call, send, tx, run].filter((each) => each !== undefined);
  if (kinds.length !== 1) throw new TypeError(`${where}: give one of 'call', 'send', 'tx' and 'run'.`);
  if (typeof tx === 'function') return { kind: 'tx', tx: tx as Extract<Action, { kind: 'tx' }>['tx'] };
  if (typeof run === 'function') return { kind: 'run', run: run as Extract<Action, { kind: 'run' }>['run'] };
  const operation = call as Operation | undefined;
  const message = send as MessageType | undefined;
  if (send === undefined && (operation?.kind !== 'operation' || operation.name === '')) {
    throw new TypeError(
      `${where}: 'call' is an operation of a contract, such as payments.operations.authorize.`,
    );
  }
  if (call === undefined && (message?.kind !== 'message' || message.name === '')) {
    throw new TypeError(`${where}: 'send' is a message of a contract, such as stock.messages.reserve.`);
  }
  if (typeof toInput !== 'function') {
    throw new TypeError(`${where}: say 'with' what input: with: ({ input }) => ({ … }).`);
  }
  const input = toInput as Extract<Action, { kind: 'call' }>['with'];
  if (message === undefined) return { kind: 'call', operation: operation as Operation, with: input };
  if (refusal !== undefined && (typeof refusal !== 'function' || message.reply === undefined)) {
    throw new TypeError(
      `${where}: 'refusal' looks at a reply: it is a function, and the message has a 'reply'.`,
    );
  }
  const toReason = refusal as Extract<Action, { kind: 'send' }>['refusal'] | undefined;
  return { kind: 'send', message, with: input, refusal: toReason ?? (() => undefined) };
}
