import type { Contract, InputOf, MessageType, Operation, OutputOf, Schema } from '@banyan/contract';
import {
  actionKinds,
  type CallAction,
  type Effect,
  type ReplyOf,
  type RunAction,
  type SendAction,
  type TxAction,
  toAction,
} from './action.ts';
import { checkDuration, checkNode, checkSaga } from './check-definition.ts';
import type { ChildNode, FailurePolicy, Node, RetryPolicy, SagaDefinition, StepNode } from './definition.ts';

export interface SagaOptions<C extends Contract, Input extends Schema> {
  /** Whole number from 1. Instances end on the version that they began with: give a changed process a new one. */
  readonly version: number;
  /** Object schema; validated when the saga starts. */
  readonly input: Input;
  /** The contract of the service that runs the saga; types `emit` and `metrics`. */
  readonly contract?: C;
  /** From the start, in milliseconds; what has not passed the pivot by then is compensated. Default: none. */
  readonly deadlineMs?: number;
  /** Default 3. */
  readonly maxRestarts?: number;
}

interface StepOptions {
  /** Default `compensate`. After the pivot nothing is compensated: a refusal then waits for an operator, unless it is ignored. */
  readonly onFailure?: FailurePolicy;
  readonly retry?: Partial<RetryPolicy>;
  /**
   * Longest time of one attempt, in milliseconds. Default: the operation's own, 10,000 for others. For a message: within that time the addressee has to
   * begin to handle it. Default: until the saga's deadline.
   */
  readonly timeoutMs?: number;
}

type Forward<State, C extends Contract, Op extends Operation, Message extends MessageType, Result> =
  | CallAction<State, Op>
  | SendAction<State, Message>
  | TxAction<State, C, Result>
  | RunAction<State, Result>
  | { readonly call?: never; readonly send?: never; readonly tx?: never; readonly run?: never };

type Given<Name extends string, Value> = { readonly [Key in Name]: Value };
/** Results of an operation that answers with bytes cannot be kept. */
type ResultOf<Op extends Operation, Message extends MessageType, Result> = [Op] extends [never]
  ? [Message] extends [never]
    ? Result
    : ReplyOf<Message>
  : OutputOf<Op['output']>;

/** Adds the steps of one path. */
export type Path<C extends Contract, State extends object, Added extends object> = (
  saga: Saga<C, State>,
) => Saga<C, Added>;

// biome-ignore lint/suspicious/noExplicitAny: stands for any state in a constraint.
type AnyPath<C extends Contract, State extends object> = Path<C, State, any>;
type Taken<P> = P extends (...given: never) => Saga<infer _, infer State> ? State : never;
type Both<Union> = (Union extends unknown ? (each: Union) => void : never) extends (all: infer All) => void
  ? All & object
  : never;

/**
 * A process across services as a value: each method returns a new saga with one more step. Steps run in the order written. `State` is what the actions
 * of the next step are given: `input`, and the result of each earlier step under its name.
 *
 * Names are unique within a saga. A running instance is known by them: renaming, removing or reordering steps needs a new version.
 */
export interface Saga<C extends Contract = Contract, State extends object = object> extends SagaDefinition {
  /** Does something, and knows how to undo it. Without an action it only has something to undo. */
  step<
    Name extends string,
    Op extends Operation = never,
    Message extends MessageType = never,
    Result = undefined,
    UndoOp extends Operation = Operation,
    UndoMessage extends MessageType = MessageType,
  >(
    name: Name,
    options: Forward<State, C, Op, Message, Result> &
      StepOptions & {
        readonly undo?: Effect<State & Given<Name, ResultOf<Op, Message, Result>>, C, UndoOp, UndoMessage>;
      },
  ): Saga<C, State & Given<Name, ResultOf<Op, Message, Result>>>;
  /** The step that decides: until it is done the saga can be undone, from then on it only goes forward. */
  pivot<
    Name extends string,
    Op extends Operation = never,
    Message extends MessageType = never,
    Result = undefined,
  >(
    name: Name,
    options: Forward<State, C, Op, Message, Result> & StepOptions,
  ): Saga<C, State & Given<Name, ResultOf<Op, Message, Result>>>;
  /**
   * Reserves something that the participant gives up by itself after `expiresInMs`. Confirmed once the pivot is passed (without one: when all steps are
   * done), cancelled if the saga is compensated. A reservation that ends before the pivot fails the saga.
   */
  tentative<
    Name extends string,
    Op extends Operation = never,
    Message extends MessageType = never,
    Result = undefined,
    ConfirmOp extends Operation = Operation,
    CancelOp extends Operation = Operation,
    ConfirmMessage extends MessageType = MessageType,
    CancelMessage extends MessageType = MessageType,
  >(
    name: Name,
    options: {
      readonly reserve: Forward<State, C, Op, Message, Result>;
      readonly confirm: Effect<
        State & Given<Name, ResultOf<Op, Message, Result>>,
        C,
        ConfirmOp,
        ConfirmMessage
      >;
      readonly cancel: Effect<State & Given<Name, ResultOf<Op, Message, Result>>, C, CancelOp, CancelMessage>;
      readonly expiresInMs: number;
    } & StepOptions,
  ): Saga<C, State & Given<Name, ResultOf<Op, Message, Result>>>;
  /** Goes one of several ways. Results of the others stay undefined. */
  branch<Name extends string, Paths extends Readonly<Record<string, AnyPath<C, State>>>>(
    name: Name,
    options: { readonly on: (state: State) => keyof Paths & string; readonly paths: Paths },
  ): Saga<C, State & Given<Name, keyof Paths & string> & Partial<Both<Taken<Paths[keyof Paths]>>>>;
  /** Goes all ways at once, and on when all are done. */
  parallel<Name extends string, Paths extends Readonly<Record<string, AnyPath<C, State>>>>(
    name: Name,
    paths: Paths,
  ): Saga<C, State & Both<Taken<Paths[keyof Paths]>>>;
  /** Waits for a signal of that name: from a handler, from an event, from a human. Its data is the result. */
  waitFor<Name extends string, Signal extends Schema>(
    name: Name,
    options: { readonly signal: Signal; readonly timeoutMs?: number; readonly onTimeout?: 'compensate' },
  ): Saga<C, State & Given<Name, OutputOf<Signal>>>;
  /** As `waitFor`, but goes on with `undefined` when the time is over. */
  waitAtMost<Name extends string, Signal extends Schema>(
    name: Name,
    options: { readonly signal: Signal; readonly timeoutMs: number },
  ): Saga<C, State & Given<Name, OutputOf<Signal> | undefined>>;
  sleep<Name extends string>(name: Name, ms: number | ((state: State) => number)): Saga<C, State>;
  /** Runs another saga of the service, and goes on when it has ended. Its own compensation is a failure of this step. */
  child<
    Name extends string,
    Child extends SagaDefinition,
    UndoOp extends Operation = Operation,
    UndoMessage extends MessageType = MessageType,
  >(
    name: Name,
    options: {
      readonly saga: Child;
      readonly with: (state: State) => InputOf<Child['input']>;
      readonly undo?: Effect<State, C, UndoOp, UndoMessage>;
      readonly onFailure?: 'compensate' | 'ignore';
    },
  ): Saga<C, State & Given<Name, { readonly sagaId: string }>>;
}

/**
 * Begins the definition of a saga: `saga('createOrder', { version: 1, input: NewOrder }).step(…)`.
 * @throws TypeError, with the fix in the text, as do its methods
 */
export function saga<Input extends Schema, C extends Contract = Contract>(
  name: string,
  options: SagaOptions<C, Input>,
): Saga<C, { readonly input: OutputOf<Input> }> & { readonly input: Input } {
  const { version, input, deadlineMs, maxRestarts = 3 } = options;
  checkSaga(name, { version, deadlineMs, maxRestarts });
  const begun = new ChainedSaga({ kind: 'saga', name, version, input, nodes: [], deadlineMs, maxRestarts });
  return begun as unknown as Saga<C, { readonly input: OutputOf<Input> }> & { readonly input: Input };
}

interface AnyOptions extends StepOptions {
  readonly undo?: object;
}
interface AnyTentative extends StepOptions {
  readonly reserve: object;
  readonly confirm: object;
  readonly cancel: object;
  readonly expiresInMs: number;
}
type AnyPaths = Readonly<Record<string, (saga: ChainedSaga) => ChainedSaga>>;

/** The chain without its types, which {@link Saga} gives it. */
class ChainedSaga implements SagaDefinition {
  readonly kind = 'saga';
  readonly name: string;
  readonly version: number;
  readonly input: Schema;
  readonly nodes: readonly Node[];
  readonly deadlineMs: number | undefined;
  readonly maxRestarts: number;
  /** Steps before the path that is being built; their names are taken. */
  readonly #before: readonly Node[];

  constructor(definition: SagaDefinition, before: readonly Node[] = []) {
    this.name = definition.name;
    this.version = definition.version;
    this.input = definition.input;
    this.nodes = definition.nodes;
    this.deadlineMs = definition.deadlineMs;
    this.maxRestarts = definition.maxRestarts;
    this.#before = before;
  }

  step(name: string, options: AnyOptions): ChainedSaga {
    return this.#add(this.#stepNode(name, options, options));
  }

  pivot(name: string, options: AnyOptions): ChainedSaga {
    if (options.undo !== undefined) {
      throw new TypeError(`${this.#where(name)}: a pivot is never undone: remove 'undo'.`);
    }
    return this.#add({ ...this.#stepNode(name, options, options), isPivot: true });
  }

  tentative(name: string, options: AnyTentative): ChainedSaga {
    const { reserve, confirm, cancel, expiresInMs } = options;
    checkDuration(`${this.#where(name)}: 'expiresInMs'`, expiresInMs);
    const node = this.#stepNode(name, reserve, { ...options, undo: cancel });
    if (node.action === undefined) throw new TypeError(`${this.#where(name)}: 'reserve' needs an action.`);
    return this.#add({ ...node, confirm: toAction(`${this.#where(name)} confirm`, confirm), expiresInMs });
  }

  branch(
    name: string,
    { on, paths }: { readonly on: (state: object) => string; readonly paths: AnyPaths },
  ): ChainedSaga {
    if (typeof on !== 'function') throw new TypeError(`${this.#where(name)}: 'on' chooses one of the paths.`);
    return this.#add({ kind: 'branch', name, choose: on, paths: this.#build(name, paths) });
  }

  parallel(name: string, paths: AnyPaths): ChainedSaga {
    return this.#add({ kind: 'parallel', name, paths: this.#build(name, paths) });
  }

  waitFor(name: string, options: { readonly signal: Schema; readonly timeoutMs?: number }): ChainedSaga {
    return this.#addWait(name, { ...options, onTimeout: 'compensate' });
  }

  waitAtMost(name: string, options: { readonly signal: Schema; readonly timeoutMs: number }): ChainedSaga {
    return this.#addWait(name, { ...options, onTimeout: 'continue' });
  }

  sleep(name: string, ms: number | ((state: object) => number)): ChainedSaga {
    if (typeof ms !== 'function') checkDuration(`${this.#where(name)}: the time`, ms);
    return this.#add({ kind: 'sleep', name, ms: typeof ms === 'function' ? ms : () => ms });
  }

  child(
    name: string,
    options: Pick<ChildNode, 'with'> & {
      readonly saga: SagaDefinition;
      readonly undo?: object;
      readonly onFailure?: ChildNode['onFailure'];
    },
  ): ChainedSaga {
    const { saga: child, with: toInput, undo, onFailure = 'compensate' } = options;
    if (child?.kind !== 'saga') throw new TypeError(`${this.#where(name)}: 'saga' is the saga to run.`);
    return this.#add({
      kind: 'child',
      name,
      saga: () => child,
      with: toInput,
      undo: undo === undefined ? undefined : toAction(`${this.#where(name)} undo`, undo),
      onFailure,
    });
  }

  #addWait(
    name: string,
    options: {
      readonly signal: Schema;
      readonly timeoutMs?: number;
      readonly onTimeout: 'compensate' | 'continue';
    },
  ): ChainedSaga {
    const { signal, timeoutMs, onTimeout } = options;
    if (timeoutMs !== undefined) checkDuration(`${this.#where(name)}: 'timeoutMs'`, timeoutMs);
    return this.#add({ kind: 'wait', name, signal, timeoutMs, onTimeout });
  }

  #stepNode(name: string, action: object, options: AnyOptions): StepNode {
    const where = this.#where(name);
    const hasAction = actionKinds.some((key) => Object.hasOwn(action, key));
    const { undo, onFailure = 'compensate', retry = {}, timeoutMs } = options;
    if (!hasAction && undo === undefined)
      throw new TypeError(`${where}: give 'call', 'send', 'tx', 'run', or 'undo'.`);
    return {
      kind: 'step',
      name,
      action: hasAction ? toAction(where, action) : undefined,
      undo: undo === undefined ? undefined : toAction(`${where} undo`, undo),
      confirm: undefined,
      expiresInMs: undefined,
      onFailure,
      isPivot: false,
      retry: { firstMs: retry.firstMs ?? 100, maxMs: retry.maxMs ?? 30_000, maxAttempts: retry.maxAttempts },
      timeoutMs,
    };
  }

  #build(name: string, paths: AnyPaths): Readonly<Record<string, readonly Node[]>> {
    const before = [...this.#before, ...this.nodes];
    const built = Object.entries(paths).map(([key, path]): [string, readonly Node[]] => {
      const nodes = path(new ChainedSaga({ ...this.#definition(), nodes: [] }, before)).nodes;
      return [key, nodes];
    });
    if (built.length === 0) throw new TypeError(`${this.#where(name)}: give it at least one path.`);
    return Object.fromEntries(built);
  }

  #add(node: Node): ChainedSaga {
    checkNode(this.#where(node.name), node, [...this.#before, ...this.nodes]);
    return new ChainedSaga({ ...this.#definition(), nodes: [...this.nodes, node] }, this.#before);
  }

  #definition(): SagaDefinition {
    const { kind, name, version, input, nodes, deadlineMs, maxRestarts } = this;
    return { kind, name, version, input, nodes, deadlineMs, maxRestarts };
  }

  #where(step: string): string {
    return `saga '${this.name}', step '${step}'`;
  }
}
