import type { Action } from './action.ts';
import type { ChildNode, Node, SagaDefinition, StepNode } from './definition.ts';
import { backoffMs, classify, type Outcome } from './outcome.ts';
import {
  isEnded,
  type Letter,
  type Phase,
  type SagaFailure,
  type SagaState,
  type SagaStatus,
  type StepRecord,
} from './state.ts';

/** One saga as the planner sees it. */
export interface Instance {
  readonly id: string;
  readonly definition: SagaDefinition;
  readonly input: unknown;
  readonly state: SagaState;
  readonly status: SagaStatus;
  /** Epoch milliseconds. */
  readonly deadlineAtMs: number | undefined;
  readonly mail: readonly Letter[];
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

/** Something to do now. */
export interface Work {
  /** `reserve/do`: unique among what a saga does at one time. */
  readonly key: string;
  readonly step: string;
  readonly phase: Phase;
  /** 1 for the first. */
  readonly attempt: number;
  readonly action:
    | Action
    | { readonly kind: 'startChild'; readonly node: ChildNode }
    | { readonly kind: 'cancelChild'; readonly child: string };
  /** What the action is given. */
  readonly state: object;
  /** Of a reservation, epoch milliseconds. */
  readonly expiresAtMs: number | undefined;
  readonly timeoutMs: number | undefined;
}

/** Where a saga stands, and what comes next. */
export interface Plan {
  readonly state: SagaState;
  readonly status: SagaStatus;
  readonly works: readonly Work[];
  /** Epoch milliseconds at which to look again; undefined if only work or a letter changes anything. */
  readonly wakeAtMs: number | undefined;
  /** Signals that would let it go on. */
  readonly waitingFor: readonly string[];
}

/**
 * What becomes of a saga when `outcomes` are known: a pure function of definition, records, letters and time. It is asked again after each change, so
 * nothing else tells a worker where a saga is.
 */
export function plan(instance: Instance, outcomes: readonly Outcome[], context: PlanContext): Plan {
  return new Planner(instance, context).plan(outcomes);
}

const definiteAttempts = 5;
const compensationAttempts = 10;
const patientAttempts = 60;
const compensationRetry = { firstMs: 200, maxMs: 30_000 };

type MutableState = { -readonly [Key in keyof SagaState]: SagaState[Key] };

class Planner {
  readonly #instance: Instance;
  readonly #context: PlanContext;
  readonly #nodes: ReadonlyMap<string, Node>;
  readonly #state: MutableState;
  readonly #steps: Record<string, StepRecord>;
  readonly #done: string[];
  readonly #read: Set<number>;
  #status: SagaStatus;
  #works: Work[] = [];
  #waitingFor: string[] = [];
  #wakeAtMs = Number.POSITIVE_INFINITY;

  constructor(instance: Instance, context: PlanContext) {
    const { state, status, definition } = instance;
    this.#instance = instance;
    this.#context = context;
    this.#nodes = nodesByName(definition);
    this.#state = { ...state };
    this.#steps = { ...state.steps };
    this.#done = [...state.done];
    this.#read = new Set(state.read);
    this.#status = status;
  }

  plan(outcomes: readonly Outcome[]): Plan {
    for (const outcome of outcomes) this.#apply(outcome);
    this.#readLetters();
    this.#checkTime();
    // Turning round, restarting and finding the pivot passed each begin another walk; the number of turns is small and bounded by the definition.
    for (let before: SagaStatus | undefined; before !== this.#status; ) {
      before = this.#status;
      this.#works = [];
      this.#waitingFor = [];
      this.#wakeAtMs = Number.POSITIVE_INFINITY;
      if (before === 'running') this.#goForward();
      else if (before === 'compensating') this.#goBack();
    }
    const { nowMs } = this.#context;
    if (this.#status === 'running' && !this.#state.forward) this.#wake(this.#latestMs());
    const state: SagaState = {
      ...this.#state,
      steps: this.#steps,
      done: this.#done,
      read: [...this.#read].sort((a, b) => a - b),
    };
    const isOpen = !isEnded(this.#status) && this.#status !== 'stuck';
    return {
      state,
      status: this.#status,
      works: isOpen ? this.#works : [],
      wakeAtMs: isOpen && Number.isFinite(this.#wakeAtMs) ? Math.max(nowMs, this.#wakeAtMs) : undefined,
      waitingFor: isOpen ? this.#waitingFor : [],
    };
  }

  // Forward

  #goForward(): void {
    const { at } = this.#state;
    if (at !== undefined && at > this.#context.nowMs) {
      this.#wake(at);
      return;
    }
    for (const node of this.#instance.definition.nodes) {
      if (!this.#visit(node)) return;
      if (node.kind === 'step' && node.isPivot && !this.#confirmAll()) return;
    }
    if (this.#status === 'running' && this.#confirmAll()) this.#status = 'completed';
  }

  #walk(nodes: readonly Node[]): boolean {
    return nodes.every((node) => this.#visit(node));
  }

  /** True if the saga may go on behind the node. */
  #visit(node: Node): boolean {
    if (this.#status !== 'running') return false;
    const record = this.#steps[node.name];
    switch (node.kind) {
      case 'step':
        return this.#visitStep(node, record);
      case 'branch':
        return this.#visitBranch(node, record);
      case 'parallel': {
        let isDone = true;
        for (const path of Object.values(node.paths)) if (!this.#walk(path)) isDone = false;
        return isDone;
      }
      case 'wait':
        return this.#visitWait(node, record);
      case 'sleep':
        return this.#visitSleep(node, record);
      case 'child':
        if (record?.s === 'done' || record?.s === 'ignored' || record?.s === 'skipped') return true;
        if (record?.s !== 'waiting') this.#offer(node, 'do', { kind: 'startChild', node });
        return false;
    }
  }

  #visitStep(node: StepNode, record: StepRecord | undefined): boolean {
    if (record?.s === 'done' || record?.s === 'ignored' || record?.s === 'skipped') return true;
    if (node.action === undefined) {
      this.#finish(node.name, undefined);
      return true;
    }
    this.#offer(node, 'do', node.action);
    return false;
  }

  #visitBranch(node: Extract<Node, { kind: 'branch' }>, record: StepRecord | undefined): boolean {
    let path = record?.r;
    if (record === undefined) {
      path = this.#ask(node.name, () => node.choose(this.#view()));
      if (path === undefined) return false;
      if (!Object.hasOwn(node.paths, String(path))) {
        this.#fail(node.name, { kind: 'fault', reason: `There is no path '${String(path)}'.` });
        return false;
      }
      this.#steps[node.name] = { s: 'done', r: path };
    }
    return this.#walk(node.paths[String(path)] ?? []);
  }

  #visitWait(node: Extract<Node, { kind: 'wait' }>, record: StepRecord | undefined): boolean {
    if (record?.s === 'done' || record?.s === 'skipped') return true;
    const index = this.#instance.mail.findIndex(
      (letter, at) => letter.kind === 'signal' && letter.name === node.name && !this.#read.has(at),
    );
    const letter = this.#instance.mail[index];
    if (letter?.kind === 'signal') {
      this.#read.add(index);
      this.#finish(node.name, letter.data);
      return true;
    }
    const { nowMs } = this.#context;
    let at = record?.at;
    if (record === undefined) {
      at = node.timeoutMs === undefined ? undefined : nowMs + node.timeoutMs;
      this.#steps[node.name] = { s: 'waiting', ...(at === undefined ? undefined : { at }) };
    }
    if (at !== undefined && at <= nowMs) {
      if (node.onTimeout === 'continue') {
        this.#finish(node.name, undefined);
        return true;
      }
      this.#fail(node.name, { kind: 'timeout' });
      return false;
    }
    this.#waitingFor.push(node.name);
    this.#wake(at);
    return false;
  }

  #visitSleep(node: Extract<Node, { kind: 'sleep' }>, record: StepRecord | undefined): boolean {
    if (record?.s === 'done' || record?.s === 'skipped') return true;
    const { nowMs } = this.#context;
    let at = record?.at;
    if (at === undefined) {
      const ms = this.#ask(node.name, () => node.ms(this.#view()));
      if (ms === undefined) return false;
      at = nowMs + (Number.isFinite(ms) ? ms : 0);
      this.#steps[node.name] = { s: 'waiting', at };
    }
    if (at <= nowMs) {
      this.#finish(node.name, undefined);
      return true;
    }
    this.#wake(at);
    return false;
  }

  /** Confirms reservations one after the other. From the first on there is no way back. */
  #confirmAll(): boolean {
    if (this.#status !== 'running') return false;
    for (const name of this.#done) {
      const node = this.#nodes.get(name);
      const record = this.#steps[name];
      if (node?.kind !== 'step' || node.confirm === undefined || record?.s !== 'done' || record.c) continue;
      this.#state.forward = true;
      this.#offer(node, 'confirm', node.confirm);
      return false;
    }
    return true;
  }

  // Back

  #goBack(): void {
    let isClear = true;
    for (const [name, record] of Object.entries(this.#steps)) {
      const node = this.#nodes.get(name);
      if (record.s === 'unsure' && node?.kind === 'step') isClear = this.#settle(node) && isClear;
      if (record.s === 'waiting' && record.child !== undefined && node?.kind === 'child') {
        isClear = false;
        if (!record.told) this.#offer(node, 'undo', { kind: 'cancelChild', child: record.child });
      }
    }
    // A pivot that has happened after all takes the saga forward again.
    if (!isClear || this.#status !== 'compensating') return;
    for (const name of this.#done.toReversed()) {
      const node = this.#nodes.get(name);
      const isOpen = this.#steps[name]?.s === 'done' || this.#steps[name]?.s === 'skipped';
      if (!isOpen || (node?.kind !== 'step' && node?.kind !== 'child') || node.undo === undefined) continue;
      this.#offer(node, 'undo', node.undo);
      return;
    }
    this.#endBack();
  }

  /** Finds out whether a step took effect. True if nothing has to be done for it. */
  #settle(node: StepNode): boolean {
    const { action } = node;
    if (action?.kind === 'call') {
      this.#offer(node, 'void', action);
      return false;
    }
    if (this.#context.inFlight.has(`${node.name}/do`)) return false;
    // Nobody can be asked, so what may have happened is undone.
    this.#finish(node.name, undefined);
    return true;
  }

  #endBack(): void {
    const { definition } = this.#instance;
    const { round, restart } = this.#state;
    if (!restart || round >= definition.maxRestarts) {
      this.#status = 'compensated';
      return;
    }
    const waitMs = backoffMs(compensationRetry, round, this.#context.random);
    for (const name of Object.keys(this.#steps)) delete this.#steps[name];
    this.#done.length = 0;
    delete this.#state.failure;
    delete this.#state.restart;
    this.#state.round = round + 1;
    this.#state.at = this.#context.nowMs + waitMs;
    this.#status = 'running';
  }

  // What has happened

  #apply(outcome: Outcome): void {
    const node = this.#nodes.get(outcome.step);
    if (node === undefined || isEnded(this.#status)) return;
    if (outcome.phase === 'do') this.#applyDone(node, outcome);
    else this.#applyEffect(node, outcome);
  }

  #applyDone(node: Node, outcome: Outcome): void {
    const { name } = node;
    const record = this.#steps[name];
    const isExpected = this.#status === 'running' || record?.s === 'unsure';
    if (!isExpected || record?.s === 'done' || record?.s === 'void' || record?.s === 'skipped') return;
    if (outcome.ok) {
      if (node.kind === 'child') this.#steps[name] = { s: 'waiting', child: String(outcome.value) };
      else this.#finish(name, outcome.value);
      return;
    }
    const kind = classify(outcome.error);
    if (record?.s === 'unsure') {
      // What was refused or never began did not happen; anything else is found out by voiding it.
      if (kind === 'refused' && !record.u) this.#steps[name] = { s: 'failed', e: outcome.problem };
      return;
    }
    const isUnknown = kind !== 'refused' && !outcome.error.notStarted && isRemote(node);
    const n = (record?.n ?? 0) + 1;
    const failing: StepRecord = {
      ...record,
      s: 'failing',
      n,
      e: outcome.problem,
      ...(isUnknown ? { u: true } : undefined),
    };
    this.#steps[name] = failing;
    const policy = node.kind === 'step' ? node.onFailure : 'compensate';
    const retry = node.kind === 'step' ? node.retry : { firstMs: 100, maxMs: 30_000, maxAttempts: undefined };
    const standard = kind === 'fault' ? definiteAttempts : Number.POSITIVE_INFINITY;
    const attempts = kind === 'refused' && policy !== 'retry' ? 1 : (retry.maxAttempts ?? standard);
    if (n < attempts) {
      const waitMs = Math.max(backoffMs(retry, n - 1, this.#context.random), outcome.error.retryAfterMs ?? 0);
      this.#steps[name] = { ...failing, at: this.#context.nowMs + waitMs };
      return;
    }
    if (policy === 'ignore') {
      this.#steps[name] = { s: 'ignored', n, e: outcome.problem };
      return;
    }
    if (policy === 'restart' && !this.#state.forward) this.#state.restart = true;
    this.#fail(name, { kind, error: outcome.problem });
  }

  /** Undoing, confirming and voiding are tried again whatever the failure is; then an operator has to look. */
  #applyEffect(node: Node, outcome: Outcome): void {
    const { name } = node;
    const { phase } = outcome;
    const record = this.#steps[name];
    if (record === undefined || this.#status === 'stuck') return;
    if (outcome.ok) {
      const { n: _n, e: _e, at: _at, ...rest } = record;
      if (phase === 'confirm') this.#steps[name] = { ...rest, c: true };
      else if (phase === 'void') {
        if (record.s === 'unsure') this.#finish(name, outcome.value);
      } else if (record.s === 'waiting') this.#steps[name] = { ...rest, told: true };
      else this.#steps[name] = { ...rest, s: 'undone' };
      return;
    }
    const { error, problem } = outcome;
    if (phase === 'void' && (error.reason === 'call_voided' || error.declared)) {
      this.#steps[name] = {
        s: record.e === undefined ? 'void' : 'failed',
        ...(record.e ? { e: record.e } : undefined),
      };
      return;
    }
    const n = (record.n ?? 0) + 1;
    const atMost = classify(error) === 'unavailable' ? patientAttempts : compensationAttempts;
    if (n >= atMost) {
      this.#steps[name] = { ...record, n, e: problem };
      this.#stop(name, phase);
      return;
    }
    const waitMs = backoffMs(compensationRetry, n - 1, this.#context.random);
    this.#steps[name] = { ...record, n, e: problem, at: this.#context.nowMs + waitMs };
  }

  #readLetters(): void {
    if (this.#status === 'stuck' || isEnded(this.#status)) return;
    for (const [index, letter] of this.#instance.mail.entries()) {
      if (letter.kind === 'signal' || this.#read.has(index)) continue;
      this.#read.add(index);
      if (letter.kind === 'child') this.#childEnded(letter);
      else if (this.#status === 'running' && !this.#state.forward) {
        this.#fail(undefined, { kind: 'cancelled', reason: letter.reason });
      }
    }
  }

  #childEnded({ step, child, status }: Extract<Letter, { kind: 'child' }>): void {
    const node = this.#nodes.get(step);
    const record = this.#steps[step];
    if (node?.kind !== 'child' || record?.child !== child) return;
    if (status === 'completed') this.#finish(step, { sagaId: child });
    else if (this.#status === 'compensating') this.#steps[step] = { ...record, s: 'undone' };
    else if (node.onFailure === 'ignore') this.#steps[step] = { ...record, s: 'ignored' };
    else this.#fail(step, { kind: 'child', reason: `The child saga ${child} was compensated.` });
  }

  #checkTime(): void {
    if (this.#status !== 'running' || this.#state.forward) return;
    const { nowMs } = this.#context;
    const { deadlineAtMs } = this.#instance;
    if (deadlineAtMs !== undefined && deadlineAtMs <= nowMs) this.#fail(undefined, { kind: 'deadline' });
    else if (this.#latestMs() <= nowMs) this.#fail(undefined, { kind: 'expired' });
  }

  /** When the saga has to have passed its pivot: its deadline, or the end of its first reservation. */
  #latestMs(): number {
    let latest = this.#instance.deadlineAtMs ?? Number.POSITIVE_INFINITY;
    for (const { s, x, c } of Object.values(this.#steps)) {
      if (s === 'done' && x !== undefined && !c) latest = Math.min(latest, x);
    }
    return latest;
  }

  // Changes

  #finish(name: string, value: unknown): void {
    const node = this.#nodes.get(name);
    const { x, child } = this.#steps[name] ?? {};
    this.#steps[name] = {
      s: 'done',
      ...(value === undefined ? undefined : { r: value }),
      ...(x === undefined ? undefined : { x }),
      ...(child === undefined ? undefined : { child }),
    };
    if (node?.kind === 'step' || node?.kind === 'child') this.#done.push(name);
    if (node?.kind !== 'step') return;
    if (node.expiresInMs !== undefined && x === undefined) {
      this.#steps[name] = { ...this.#steps[name], s: 'done', x: this.#context.nowMs + node.expiresInMs };
    }
    if (!node.isPivot) return;
    this.#state.forward = true;
    delete this.#state.failure;
    delete this.#state.restart;
    if (this.#status === 'compensating') this.#status = 'running';
  }

  /** Turns round; behind the pivot there is only an operator. */
  #fail(step: string | undefined, failure: SagaFailure): void {
    const found: SagaFailure = { ...failure, ...(step === undefined ? undefined : { step }) };
    if (this.#status !== 'running') return;
    this.#state.failure = found;
    if (this.#state.forward) {
      if (step !== undefined) this.#stop(step, 'do');
      return;
    }
    const begun = this.#begun(step);
    this.#status = 'compensating';
    if (step !== undefined) {
      const record = this.#steps[step];
      this.#steps[step] = { ...record, s: begun.has(step) ? 'unsure' : 'failed' };
    }
    for (const name of begun) {
      if (name !== step) this.#steps[name] = { ...this.#steps[name], s: 'unsure' };
    }
  }

  /** Steps that may have happened without our knowing. */
  #begun(failed: string | undefined): ReadonlySet<string> {
    const { inFlight, isTakenOver } = this.#context;
    const names = new Set<string>();
    for (const [name, record] of Object.entries(this.#steps)) {
      // Also if it was refused at last: an earlier attempt may still be under way.
      if (record.s === 'failing' && record.u) names.add(name);
    }
    for (const key of inFlight) {
      const [name = '', phase] = key.split('/');
      if (phase === 'do' && name !== failed && isRemote(this.#nodes.get(name))) names.add(name);
    }
    if (isTakenOver) {
      this.#works = [];
      this.#walk(this.#instance.definition.nodes);
      for (const { step, phase } of this.#works) {
        if (phase === 'do' && step !== failed && isRemote(this.#nodes.get(step))) names.add(step);
      }
      this.#works = [];
    }
    return names;
  }

  #stop(step: string, phase: Phase): void {
    const from = this.#status === 'compensating' ? 'compensating' : 'running';
    this.#state.stuck = { from, step, phase };
    this.#status = 'stuck';
  }

  #offer(node: StepNode | ChildNode, phase: Phase, action: Work['action']): void {
    const record = this.#steps[node.name];
    const { nowMs, inFlight } = this.#context;
    if (record?.at !== undefined && record.at > nowMs && record.s !== 'waiting') {
      this.#wake(record.at);
      return;
    }
    const key = `${node.name}/${phase}`;
    if (inFlight.has(key)) return;
    const expiresInMs = node.kind === 'step' ? node.expiresInMs : undefined;
    this.#works.push({
      key,
      step: node.name,
      phase,
      attempt: (record?.n ?? 0) + 1,
      action,
      state: this.#view(),
      expiresAtMs: record?.x ?? (expiresInMs === undefined ? undefined : nowMs + expiresInMs),
      timeoutMs: node.kind === 'step' ? node.timeoutMs : undefined,
    });
  }

  #wake(atMs: number | undefined): void {
    if (atMs !== undefined) this.#wakeAtMs = Math.min(this.#wakeAtMs, atMs);
  }

  /** Asks a function of the definition; if it throws, the step fails. */
  #ask<Answer>(step: string, question: () => Answer): Answer | undefined {
    try {
      return question();
    } catch (error) {
      this.#fail(step, { kind: 'fault', reason: error instanceof Error ? error.message : String(error) });
      return undefined;
    }
  }

  /** `input`, and the result of each step that is done. */
  #view(): object {
    const view: Record<string, unknown> = { input: this.#instance.input };
    for (const [name, { s, r }] of Object.entries(this.#steps)) {
      if (s === 'done' || s === 'undone' || s === 'skipped') view[name] = r;
    }
    return view;
  }
}

function isRemote(node: Node | undefined): boolean {
  return node?.kind === 'step' && (node.action?.kind === 'call' || node.action?.kind === 'run');
}

const nodesOf = new WeakMap<SagaDefinition, ReadonlyMap<string, Node>>();

function nodesByName(definition: SagaDefinition): ReadonlyMap<string, Node> {
  let nodes = nodesOf.get(definition);
  if (nodes === undefined) {
    const found = new Map<string, Node>();
    const add = (list: readonly Node[]): void => {
      for (const node of list) {
        found.set(node.name, node);
        if (node.kind === 'branch' || node.kind === 'parallel') Object.values(node.paths).forEach(add);
      }
    };
    add(definition.nodes);
    nodesOf.set(definition, found);
    nodes = found;
  }
  return nodes;
}
