import type { ChildNode, Node, SagaDefinition, StepNode } from '../definition/definition.ts';
import { allNodes } from '../definition/definition.ts';
import type { Mail, Phase, SagaFailure, SagaState, SagaStatus, StepRecord } from '../state.ts';
import type { Work } from './work.ts';

/** One saga as the planner sees it. */
export interface Instance {
  readonly id: string;
  readonly definition: SagaDefinition;
  readonly input: unknown;
  readonly state: SagaState;
  readonly status: SagaStatus;
  /** Epoch milliseconds. */
  readonly deadlineAtMs: number | undefined;
  readonly mail: Mail;
}

export interface PlanContext {
  readonly nowMs: number;
  /** Work that is being done, by its key. */
  readonly inFlight: ReadonlySet<string>;
  /** Another worker had it before: what was under way there may have happened. */
  readonly isTakenOver: boolean;
  /** In [0, 1), for back-off. */
  readonly random: () => number;
}

type MutableState = { -readonly [Key in keyof SagaState]: SagaState[Key] };

/** A saga's records while they are being worked out, and what the walk through its steps has found to do. */
export class Draft {
  readonly instance: Instance;
  readonly context: PlanContext;
  readonly nodes: ReadonlyMap<string, Node>;
  readonly state: MutableState;
  readonly steps: Record<string, StepRecord>;
  readonly done: string[];
  readonly read: Set<number>;
  status: SagaStatus;
  works: Work[] = [];
  waitingFor: string[] = [];
  wakeAtMs = Number.POSITIVE_INFINITY;
  /** Why the walk could not go on. */
  obstacle: SagaFailure | undefined;

  constructor(instance: Instance, context: PlanContext) {
    const { state, status, definition } = instance;
    this.instance = instance;
    this.context = context;
    this.nodes = nodesByName(definition);
    this.state = { ...state };
    this.steps = { ...state.steps };
    this.done = [...state.done];
    this.read = new Set(state.read);
    this.status = status;
  }

  toState(): SagaState {
    const read = [...this.read].sort((a, b) => a - b);
    return { ...this.state, steps: this.steps, done: this.done, read };
  }

  /** To try something out. */
  copy(): Draft {
    return new Draft({ ...this.instance, state: this.toState(), status: this.status }, this.context);
  }

  beginWalk(): void {
    this.works = [];
    this.waitingFor = [];
    this.wakeAtMs = Number.POSITIVE_INFINITY;
    this.obstacle = undefined;
  }

  /** The step is done, and so is the turn that its failure began if it is the pivot. */
  finish(name: string, value: unknown): void {
    const node = this.nodes.get(name);
    const { x, child } = this.steps[name] ?? {};
    this.steps[name] = {
      s: 'done',
      ...(value === undefined ? undefined : { r: value }),
      ...(x === undefined ? undefined : { x }),
      ...(child === undefined ? undefined : { child }),
    };
    if (node?.kind === 'step' || node?.kind === 'child') this.done.push(name);
    if (node?.kind !== 'step') return;
    if (node.expiresInMs !== undefined && x === undefined) {
      this.steps[name] = { ...this.steps[name], s: 'done', x: this.context.nowMs + node.expiresInMs };
    }
    if (!node.isPivot) return;
    this.state.forward = true;
    delete this.state.failure;
    delete this.state.restart;
    if (this.status === 'compensating') this.status = 'running';
  }

  /** From here on an operator is needed. */
  stop(step: string, phase: Phase): void {
    const from = this.status === 'compensating' ? 'compensating' : 'running';
    this.state.stuck = { from, step, phase };
    this.status = 'stuck';
  }

  /** Work to be done now, unless its time has not come, or it is being done, or has been asked for by a message. */
  offer(node: StepNode | ChildNode, phase: Phase, action: Work['action']): void {
    const record = this.steps[node.name];
    const { nowMs, inFlight } = this.context;
    if (record?.m !== undefined) {
      this.waitingFor.push(node.name);
      return;
    }
    if (record?.at !== undefined && record.at > nowMs && record.s !== 'waiting') {
      this.wake(record.at);
      return;
    }
    const key = `${node.name}/${phase}`;
    if (inFlight.has(key)) return;
    const expiresInMs = node.kind === 'step' ? node.expiresInMs : undefined;
    this.works.push({
      key,
      step: node.name,
      phase,
      attempt: (record?.n ?? 0) + 1,
      action,
      state: this.view(),
      expiresAtMs: record?.x ?? (expiresInMs === undefined ? undefined : nowMs + expiresInMs),
      timeoutMs: node.kind === 'step' ? node.timeoutMs : undefined,
      failure: this.state.failure,
    });
  }

  /** Epoch milliseconds. */
  wake(atMs: number | undefined): void {
    if (atMs !== undefined) this.wakeAtMs = Math.min(this.wakeAtMs, atMs);
  }

  /** When the saga has to have passed its pivot: its deadline, or the end of its first reservation. */
  latestMs(): number {
    let latest = this.instance.deadlineAtMs ?? Number.POSITIVE_INFINITY;
    for (const { s, x, c } of Object.values(this.steps)) {
      if (s === 'done' && x !== undefined && !c) latest = Math.min(latest, x);
    }
    return latest;
  }

  /** `input`, and the result of each step that is done. */
  view(): object {
    const view: Record<string, unknown> = { input: this.instance.input };
    for (const [name, { s, r }] of Object.entries(this.steps)) {
      if (s === 'done' || s === 'undone' || s === 'skipped') view[name] = r;
    }
    return view;
  }
}

/** It works outside of the saga's own transactions: whether it took effect may be unknown. */
export function isRemote(node: Node | undefined): boolean {
  return node?.kind === 'step' && (node.action?.kind === 'call' || node.action?.kind === 'run');
}

/** It is asked for by a message, whose reply, or the word that it expired, comes in any case. */
export function isSend(node: Node | undefined): boolean {
  return node?.kind === 'step' && node.action?.kind === 'send';
}

const nodesOf = new WeakMap<SagaDefinition, ReadonlyMap<string, Node>>();

function nodesByName(definition: SagaDefinition): ReadonlyMap<string, Node> {
  const known = nodesOf.get(definition);
  if (known !== undefined) return known;
  const nodes = new Map([...allNodes(definition.nodes)].map((node) => [node.name, node]));
  nodesOf.set(definition, nodes);
  return nodes;
}
