import { createHash } from 'node:crypto';
import { createValidator } from '@banyan/contract';
import { fromProblem, type Logger, type ServiceError, silentLogger, toServiceError } from '@banyan/core';
import type { Command, Request } from './command.ts';
import { createDurableContext } from './create-context.ts';
import type { DurableDefinition } from './durable.ts';
import { type CommandKind, type JournalEntry, wordsFor } from './journal.ts';
import { adrift, askedOutOfTurn, neverAsked, otherCommand, type Parting } from './parting.ts';
import type { Place } from './place.ts';

export interface ExecutionOptions {
  readonly definition: DurableDefinition;
  readonly id: string;
  readonly input: unknown;
  /** Epoch milliseconds. */
  readonly startedAtMs: number;
  readonly logger?: Logger;
  /** It has left the journal by itself, while nobody had told it anything. */
  readonly onParted?: () => void;
}

/** How a function stands when nothing of it can run on. */
export type Rest =
  | { readonly kind: 'waiting' }
  | { readonly kind: 'returned'; readonly value: unknown }
  | { readonly kind: 'threw'; readonly error: unknown }
  | { readonly kind: 'parted'; readonly parting: Parting };

export interface Progress {
  readonly share: number;
  readonly text?: string;
}

interface Pending extends Command {
  isInterrupted: boolean;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: unknown) => void;
}

/** A journal that is long is read in pieces, so that other work of the process goes on. */
const breatheEvery = 500;

/**
 * One run of a durable function's code. It does nothing outside: it says what the function asks for (`pending`), and is told what came back (`advance`), one
 * entry after the other. After each of them the function runs until it waits, so the same entries always lead to the same place.
 */
export class Execution {
  readonly id: string;
  readonly #options: ExecutionOptions;
  readonly #pending = new Map<number, Pending>();
  readonly #abort = new AbortController();
  /** Entries that are about to come, by the command that they answer: what is asked for is compared at once, while its line is known. */
  readonly #ahead = new Map<number, { readonly entry: JournalEntry; readonly position: string }>();
  #rest: Rest = { kind: 'waiting' };
  #asked = 0;
  #entries = 0;
  #drawn = 0;
  #nowMs: number;
  #last = 'the start';
  #hasBegun = false;
  /** The function may run: it has just been told something. */
  #isInTurn = false;
  #isReplaying = false;
  progress: Progress | undefined;

  constructor(options: ExecutionOptions) {
    this.id = options.id;
    this.#options = options;
    this.#nowMs = options.startedAtMs;
  }

  get rest(): Rest {
    return this.#rest;
  }

  /** What it has asked for and not got, in the order in which it asked. */
  get pending(): readonly Command[] {
    return [...this.#pending.values()];
  }

  /** Entries that it was told. */
  get entries(): number {
    return this.#entries;
  }

  get nowMs(): number {
    return this.#nowMs;
  }

  get isInterrupted(): boolean {
    return this.#abort.signal.aborted;
  }

  get isReplaying(): boolean {
    return this.#isReplaying;
  }

  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  get logger(): Logger {
    return this.#isReplaying ? silentLogger : (this.#options.logger ?? silentLogger);
  }

  /** Tells the function what came back. One call at a time. */
  async advance(
    entries: readonly JournalEntry[],
    { isReplay = false }: { readonly isReplay?: boolean } = {},
  ): Promise<Rest> {
    this.#isReplaying = isReplay;
    const total = this.#entries + entries.length;
    for (const [index, entry] of entries.entries()) {
      const position = `entry ${this.#entries + index + 1} of ${total}`;
      if (entry.i >= 0) this.#ahead.set(entry.i, { entry, position });
    }
    if (!this.#hasBegun) {
      this.#hasBegun = true;
      await this.#turn(() => this.#begin());
    }
    for (const [index, entry] of entries.entries()) {
      if (this.#rest.kind === 'parted') return this.#rest;
      await this.#turn(() => this.#deliver(entry, total));
      if (index % breatheEvery === breatheEvery - 1) await new Promise(setImmediate);
    }
    this.#isReplaying = false;
    if (this.#rest.kind === 'waiting' && this.#pending.size === 0) this.#part(adrift(this.#last));
    return this.#rest;
  }

  /** What the context's methods do. */
  ask(
    name: string,
    request: Request,
    given: { readonly hash?: string; readonly place: Place },
  ): Promise<unknown> {
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    // Nobody has to wait for it: `Promise.race` leaves promises behind.
    promise.catch(() => {});
    const { kind } = request;
    const index = this.#asked;
    const asked = { index, k: kind, n: name, h: given.hash };
    if (this.#rest.kind === 'parted') return promise;
    if (!this.#isInTurn) {
      this.#part(askedOutOfTurn({ ...asked, place: given.place() }));
      this.#options.onParted?.();
      return promise;
    }
    this.#asked += 1;
    const ahead = this.#ahead.get(index);
    if (ahead !== undefined && !isSame(asked, ahead.entry)) {
      this.#part(otherCommand({ ...asked, place: given.place() }, ahead.entry, ahead.position));
      return promise;
    }
    this.#pending.set(index, {
      ...{ index, kind, name, hash: given.hash, request, place: given.place, isInterrupted: false },
      ...{ resolve, reject },
    });
    return promise;
  }

  /** 32 bytes, the same in every run. */
  draw(): Buffer {
    this.#drawn += 1;
    return createHash('sha256').update(`${this.id}/${this.#drawn}`).digest();
  }

  #begin(): void {
    const { definition, input } = this.#options;
    const run = async () => definition.body(input, createDurableContext(this));
    run().then(
      (value) => this.#settle({ kind: 'returned', value }),
      (error: unknown) => this.#settle({ kind: 'threw', error }),
    );
  }

  #settle(rest: Rest): void {
    if (this.#rest.kind === 'parted') return;
    if (this.#isInTurn) {
      this.#rest = rest;
      return;
    }
    this.#part(adrift(this.#last));
    this.#options.onParted?.();
  }

  #deliver(entry: JournalEntry, total: number): void {
    this.#entries += 1;
    this.#nowMs = Math.max(this.#nowMs, entry.t);
    if (entry.k === 'interrupt') {
      this.#interrupt(problemOf(entry));
      return;
    }
    const position = `entry ${this.#entries} of ${total}`;
    this.#ahead.delete(entry.i);
    const command = this.#pending.get(entry.i);
    if (command === undefined) {
      this.#part(neverAsked(entry, position, this.#whereabouts()));
      return;
    }
    this.#last = `${wordsFor(entry)}${atPlace(command.place)}`;
    this.#pending.delete(entry.i);
    if (entry.e !== undefined) command.reject(problemOf(entry));
    else answer(command, entry.r);
  }

  /** Whatever only waits stops waiting; what has effects is brought to its end first, and its end is told as an entry of its own. */
  #interrupt(error: ServiceError): void {
    this.#last = 'the interruption';
    this.#abort.abort(error);
    for (const command of [...this.#pending.values()]) {
      command.isInterrupted = true;
      if (command.kind !== 'sleep' && command.kind !== 'wait') continue;
      this.#pending.delete(command.index);
      command.reject(error);
    }
  }

  #part(parting: Parting): void {
    this.#rest = { kind: 'parted', parting };
    this.#pending.clear();
  }

  #whereabouts(): string {
    if (this.#rest.kind === 'returned') return 'it has returned';
    if (this.#rest.kind === 'threw') return `it has thrown ${String(this.#rest.error)}`;
    const waits = this.pending.map(
      ({ kind, name, place }) => `${wordsFor({ k: kind, n: name })}${atPlace(place)}`,
    );
    return waits.length === 0 ? `it waits after ${this.#last}` : `it waits for ${waits.join(', ')}`;
  }

  /** Lets the function run until it waits: until no promise of it can go on. */
  async #turn(begin: () => void): Promise<void> {
    this.#isInTurn = true;
    begin();
    // A tick comes when all promises that could go on have done so.
    await new Promise<void>((resolve) => process.nextTick(resolve));
    this.#isInTurn = false;
  }
}

function isSame(
  asked: { readonly k: CommandKind; readonly n: string; readonly h: string | undefined },
  entry: JournalEntry,
): boolean {
  return asked.k === entry.k && asked.n === entry.n && asked.h === entry.h;
}

function problemOf({ e }: JournalEntry): ServiceError {
  return fromProblem(e, e?.status ?? 500);
}

/** Signals and children are validated by the code that reads them, each time: their data is what others sent. */
function answer({ request, resolve, reject }: Pending, result: unknown): void {
  const schema =
    request.kind === 'wait'
      ? request.schema
      : request.kind === 'child' && request.definition.kind === 'durable'
        ? request.definition.output
        : undefined;
  if (schema === undefined) {
    resolve(result);
    return;
  }
  try {
    resolve(createValidator<unknown>(schema, 'input').parse(result));
  } catch (error) {
    reject(toServiceError(error));
  }
}

function atPlace(place: Place): string {
  const found = place();
  return found === undefined ? '' : ` (${found})`;
}
