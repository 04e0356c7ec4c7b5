import { type Problem, ServiceError, toProblem } from '@banyan/core';
import type { Outcome } from '../plan/outcome.ts';
import type { Letter, Mail, Phase, SagaStatus } from '../state.ts';
import type { Command } from './command.ts';
import { type AttemptContext, judge } from './command-outcome.ts';
import type { PendingRecord } from './durable-state.ts';
import type { Execution } from './execution.ts';
import type { JournalEntry } from './journal.ts';

/** How an attempt of a command ended. */
export interface CommandOutcome {
  readonly index: number;
  readonly outcome: Outcome;
}

/** What is known of an instance at one time. */
export interface Situation {
  readonly execution: Execution;
  readonly status: SagaStatus;
  /** By index of the command. */
  readonly records: ReadonlyMap<number, PendingRecord>;
  /** Attempts that ended since. */
  readonly outcomes: readonly CommandOutcome[];
  /** Commands that are being carried out. */
  readonly inFlight: ReadonlySet<number>;
  readonly mail: Mail;
  /** Positions of letters that were read. */
  readonly read: readonly number[];
  readonly deadlineAtMs: number | undefined;
  readonly isTakenOver: boolean;
  readonly nowMs: number;
  readonly random: () => number;
}

/** A command that is to be carried out now. */
export interface DueCommand {
  readonly command: Command;
  readonly record: PendingRecord;
  readonly phase: Extract<Phase, 'do' | 'void'>;
}

/** What comes next. */
export interface Look {
  /** What has come back, to be told to the function. */
  readonly entries: readonly JournalEntry[];
  /** Of everything that is pending. */
  readonly records: ReadonlyMap<number, PendingRecord>;
  readonly read: readonly number[];
  /** To be done in the next transaction. */
  readonly local: readonly DueCommand[];
  /** To be done outside. */
  readonly remote: readonly DueCommand[];
  /** Signals that would let it go on. */
  readonly waitingFor: readonly string[];
  /** Epoch milliseconds at which to look again. */
  readonly wakeAtMs: number | undefined;
  /** A command that an operator is needed for. */
  readonly stuck: Command | undefined;
}

/** Says what comes next: a pure function of what the code asks for, what is known about it, letters and time. */
export function lookAt(situation: Situation): Look {
  return new Looking(situation).look();
}

class Looking {
  readonly #situation: Situation;
  readonly #attempts: AttemptContext;
  readonly #entries: JournalEntry[] = [];
  readonly #records = new Map<number, PendingRecord>();
  readonly #read: Set<number>;
  readonly #local: DueCommand[] = [];
  readonly #remote: DueCommand[] = [];
  readonly #waitingFor: string[] = [];
  #wakeAtMs = Number.POSITIVE_INFINITY;
  #stuck: Command | undefined;

  constructor(situation: Situation) {
    this.#situation = situation;
    const { execution, nowMs, random, isTakenOver, read } = situation;
    this.#read = new Set(read);
    const interruption = execution.isInterrupted ? (execution.signal.reason as ServiceError) : undefined;
    this.#attempts = { nowMs, random, isTakenOver, interruption };
  }

  look(): Look {
    const { execution } = this.#situation;
    const interruption = this.#findInterruption();
    if (interruption !== undefined) this.#entries.push(interruption);
    for (const command of execution.pending) {
      const { kind: k, name: n, index } = command;
      this.#records.set(index, this.#situation.records.get(index) ?? { k, n });
      // What waits is told of the interruption by itself, so nothing else may come in between.
      if (interruption === undefined) this.#lookAt(command);
    }
    return {
      entries: this.#entries,
      records: this.#records,
      read: [...this.#read].sort((a, b) => a - b),
      local: this.#stuck === undefined ? this.#local : [],
      remote: this.#stuck === undefined ? this.#remote : [],
      waitingFor: this.#waitingFor,
      wakeAtMs: Number.isFinite(this.#wakeAtMs) ? this.#wakeAtMs : undefined,
      stuck: this.#stuck,
    };
  }

  #findInterruption(): JournalEntry | undefined {
    const { execution, mail, deadlineAtMs, nowMs } = this.#situation;
    if (execution.isInterrupted || execution.rest.kind !== 'waiting') return undefined;
    const index = mail.findIndex((letter, at) => letter.kind === 'cancel' && !this.#read.has(at));
    const letter = mail[index];
    if (letter?.kind === 'cancel') {
      this.#read.add(index);
      const text = `The function was cancelled: ${letter.reason}`;
      const error = new ServiceError(text, { code: 'cancelled', reason: 'durable_cancelled' });
      return { i: -1, k: 'interrupt', n: 'cancel', t: nowMs, e: toProblem(error) };
    }
    if (deadlineAtMs === undefined) return undefined;
    this.#wake(deadlineAtMs);
    if (deadlineAtMs > nowMs) return undefined;
    const error = new ServiceError("The function's deadline has passed.", {
      code: 'deadline_exceeded',
      reason: 'durable_deadline',
    });
    return { i: -1, k: 'interrupt', n: 'deadline', t: nowMs, e: toProblem(error) };
  }

  #lookAt(command: Command): void {
    const { index } = command;
    const ended = this.#situation.outcomes.find((each) => each.index === index);
    if (ended !== undefined) this.#judge(command, ended.outcome);
    const record = this.#record(index);
    if (this.#entries.some(({ i }) => i === index) || this.#stuck !== undefined) return;
    if (record.given !== undefined) {
      this.#answer(command, { r: record.given.r });
      return;
    }
    const { request } = command;
    if (request.kind === 'sleep') this.#lookAtSleep(command, request.ms);
    else if (request.kind === 'wait') this.#lookAtWait(command, request.timeoutMs);
    else if (request.kind === 'child') this.#lookAtChild(command);
    else this.#lookAtEffect(command, record);
  }

  #judge(command: Command, outcome: Outcome): void {
    const record = this.#record(command.index);
    const verdict = judge({ command, record }, outcome, this.#attempts);
    if (verdict.kind === 'answered') {
      if (command.kind === 'child') this.#records.set(command.index, { ...record, ...childRecord(outcome) });
      else this.#answer(command, { r: verdict.value });
    } else if (verdict.kind === 'failed') this.#answer(command, { e: verdict.problem });
    else {
      this.#records.set(command.index, verdict.record);
      if (verdict.kind === 'stuck') this.#stuck = command;
    }
  }

  #lookAtSleep(command: Command, ms: number): void {
    const { nowMs } = this.#situation;
    const at = this.#keepTime(command, nowMs + ms);
    if (at <= nowMs) this.#answer(command, {});
    else this.#wake(at);
  }

  #lookAtWait(command: Command, timeoutMs: number | undefined): void {
    const { mail, nowMs } = this.#situation;
    const index = mail.findIndex(
      (letter, at) => letter.kind === 'signal' && letter.name === command.name && !this.#read.has(at),
    );
    const letter = mail[index];
    if (letter?.kind === 'signal') {
      this.#read.add(index);
      this.#answer(command, { r: letter.data });
      return;
    }
    if (timeoutMs !== undefined) {
      const at = this.#keepTime(command, nowMs + timeoutMs);
      if (at <= nowMs) {
        const text = `No signal '${command.name}' came within ${timeoutMs} ms.`;
        const error = new ServiceError(text, { code: 'deadline_exceeded', reason: 'signal_timeout' });
        this.#answer(command, { e: toProblem(error) });
        return;
      }
      this.#wake(at);
    }
    this.#waitingFor.push(command.name);
  }

  #lookAtChild(command: Command): void {
    const record = this.#record(command.index);
    const { mail } = this.#situation;
    const index = mail.findIndex(
      (letter, at) => letter.kind === 'child' && letter.child === record.child && !this.#read.has(at),
    );
    const letter = mail[index];
    if (record.child === undefined) {
      if (command.isInterrupted) this.#answer(command, { e: toProblem(this.#attempts.interruption) });
      else this.#offer(command, record, this.#local);
    } else if (letter?.kind === 'child') {
      this.#read.add(index);
      this.#answer(command, childAnswer(letter));
    } else if (command.isInterrupted && !record.told) this.#offer(command, record, this.#local);
  }

  #lookAtEffect(command: Command, record: PendingRecord): void {
    if (this.#situation.inFlight.has(command.index)) return;
    const { kind, isInterrupted } = command;
    if (isInterrupted && kind !== 'call') {
      this.#answer(command, { e: toProblem(this.#attempts.interruption) });
      return;
    }
    const voiding: PendingRecord = isInterrupted ? { ...record, v: true } : record;
    this.#records.set(command.index, voiding);
    this.#offer(command, voiding, kind === 'tx' ? this.#local : this.#remote);
  }

  #offer(command: Command, record: PendingRecord, to: DueCommand[]): void {
    if (record.at !== undefined && record.at > this.#situation.nowMs) this.#wake(record.at);
    else to.push({ command, record, phase: record.v ? 'void' : 'do' });
  }

  #answer({ index: i, kind: k, name: n, hash }: Command, result: { r?: unknown; e?: Problem }): void {
    this.#entries.push({
      ...{ i, k, n },
      ...(hash === undefined ? undefined : { h: hash }),
      t: this.#situation.nowMs,
      ...(result.e !== undefined ? { e: result.e } : result.r === undefined ? undefined : { r: result.r }),
    });
  }

  /** The time that was fixed when the command was seen first. */
  #keepTime({ index }: Command, at: number): number {
    const record = this.#record(index);
    if (record.at !== undefined) return record.at;
    this.#records.set(index, { ...record, at });
    return at;
  }

  #record(index: number): PendingRecord {
    const record = this.#records.get(index);
    if (record === undefined) throw new TypeError(`command ${index} is not pending`);
    return record;
  }

  #wake(atMs: number): void {
    this.#wakeAtMs = Math.min(this.#wakeAtMs, atMs);
  }
}

/** A child was started, or told to cancel. */
function childRecord(outcome: Outcome): Partial<PendingRecord> {
  const { value } = outcome as { readonly value: string | undefined };
  return value === undefined ? { told: true } : { child: value };
}

function childAnswer({ child, status, result, error }: Extract<Letter, { kind: 'child' }>): {
  r?: unknown;
  e?: Problem;
} {
  if (status === 'completed') return { r: result === undefined ? { sagaId: child } : result.value };
  if (error !== undefined) return { e: error };
  const text = `The saga ${child} was compensated.`;
  const failed = new ServiceError(text, {
    code: 'failed_precondition',
    reason: 'child_failed',
    declared: true,
  });
  return { e: toProblem(failed) };
}
