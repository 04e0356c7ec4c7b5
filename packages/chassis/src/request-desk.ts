import { replyValidator } from '@banyan/contract';
import { type CallContext, type Clock, type Logger, ServiceError } from '@banyan/core';
import { askForAnswers, type NewRequest, type RequestStore, type StoredRequest } from '@banyan/events';
import { createEmission } from './emission.ts';
import type { ServiceRuntime } from './handler-context.ts';
import type { GatheredAnswer, GatherOptions, ReplyState, RequestOptions } from './message-types.ts';
import { type OutgoingEvent, recordOutgoing } from './outgoing.ts';
import { createReplyWaiters, type ReplyWaiters } from './reply-waiters.ts';
import { createSending } from './sending.ts';

/** Where a service's requests wait for what comes back. */
export interface RequestDesk {
  request(context: CallContext, asking: Asking<RequestOptions | undefined>): Promise<unknown>;
  gather(context: CallContext, asking: Asking<GatherOptions>): Promise<readonly GatheredAnswer<unknown>[]>;
  reply(name: string, id: string): Promise<ReplyState<unknown>>;
  /** An answer was committed: wakes whoever waits, in this instance or another one. */
  wake(requestId: string, waiter: string): void;
  /** Ends listening and housekeeping. */
  stop(): void;
}

export interface Asking<Options> {
  readonly name: string;
  readonly data: unknown;
  readonly options: Options;
}

export interface RequestDeskOptions {
  readonly instance: string;
  readonly requests: RequestStore;
  readonly clock: Clock;
  readonly logger: Logger;
}

const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
const defaultTimeoutMs = 10_000;
const retentionMs = 7 * 24 * 3_600_000;
const pruneIntervalMs = 10 * 60_000;

/** @param runtime asked for at the first request */
export function createRequestDesk(options: RequestDeskOptions, runtime: () => ServiceRuntime): RequestDesk {
  return new WaitingDesk(options, runtime);
}

class WaitingDesk implements RequestDesk {
  readonly #options: RequestDeskOptions;
  readonly #runtime: () => ServiceRuntime;
  readonly #waiters: ReplyWaiters;
  #cancelPrune = () => {};

  constructor(options: RequestDeskOptions, runtime: () => ServiceRuntime) {
    this.#options = options;
    this.#runtime = runtime;
    this.#waiters = createReplyWaiters(options);
    this.#pruneLater();
  }

  async request(context: CallContext, { name, data, options = {} }: Asking<RequestOptions | undefined>) {
    const { timeoutMs = defaultTimeoutMs } = options;
    const deadlineMs = this.#deadlineOf(context, timeoutMs);
    const expiresInMs = Math.max(1, deadlineMs - this.#options.clock.nowMs());
    const sending = createSending(this.#runtime(), context, {
      name,
      data,
      options: { expiresInMs },
      waiter: this.#options.instance,
    });
    const signal =
      options.signal === undefined ? context.signal : AbortSignal.any([context.signal, options.signal]);
    const stored = await this.#ask(sending, { deadlineMs, signal, enough: 1 });
    const [answer] = stored?.answers ?? [];
    if (answer === undefined) throw noReply(name, timeoutMs);
    return answer.data;
  }

  async gather(context: CallContext, { name, data, options }: Asking<GatherOptions>) {
    const { contract, clock } = this.#runtime();
    const type = Object.hasOwn(contract.events, name) ? contract.events[name] : undefined;
    const { event, span } = createEmission({ runtime: this.#runtime(), context }, name, data);
    if (type?.answer === undefined) {
      throw new TypeError(
        `gather('${name}'): nobody answers this event: declare its 'answer' in contract '${contract.name}'.`,
      );
    }
    const { forMs, atMost = Number.POSITIVE_INFINITY } = options;
    const deadlineMs = this.#deadlineOf(context, forMs);
    const request: NewRequest = {
      id: event.id,
      about: `${contract.name}.${name}`,
      waiter: this.#options.instance,
      expiresInMs: Math.max(1, deadlineMs - clock.nowMs()),
      callback: undefined,
    };
    const asking = { event: askForAnswers(event, contract.name, deadlineMs), request, span };
    const stored = await this.#ask(asking, { deadlineMs, signal: context.signal, enough: atMost });
    const answers = (stored?.answers ?? []).slice(0, atMost);
    return answers.map((each) => ({ from: each.from, answer: each.data }));
  }

  async reply(name: string, id: string): Promise<ReplyState<unknown>> {
    const type = this.#runtime().directory.message(name, 'reply');
    // Ids come from outside; what is none is as unknown as one that was forgotten.
    const stored = uuid.test(id) ? await this.#options.requests.read(id) : undefined;
    const [answer] = stored?.answers ?? [];
    if (stored === undefined || stored.about !== name) return { state: 'expired' };
    if (answer !== undefined) return { state: 'answered', reply: replyValidator(type).parse(answer.data) };
    return { state: stored.state === 'waiting' ? 'waiting' : 'expired' };
  }

  wake(requestId: string, waiter: string): void {
    if (waiter === this.#options.instance) this.#waiters.wake(requestId);
    else this.#options.requests.announce(requestId);
  }

  stop(): void {
    this.#cancelPrune();
    this.#waiters.stop();
  }

  /** Publishes, then waits until there are `enough` answers or the time is over. What comes later is late. */
  async #ask(asking: OutgoingEvent, waiting: Waiting): Promise<StoredRequest | undefined> {
    const { requests } = this.#options;
    const { id } = asking.event;
    const waiter = this.#waiters.add(id);
    try {
      const runtime = this.#runtime();
      await runtime.database.tx((transaction) => recordOutgoing(runtime, transaction, [asking]), {
        signal: waiting.signal,
        concurrent: true,
      });
      const found = await waiter.until(waiting, async () => {
        const stored = await this.#look(id);
        return (stored?.answers.length ?? 0) >= waiting.enough ? stored : undefined;
      });
      // Of one addressee there is one reply, so nothing can come after it.
      return found !== undefined && waiting.enough === 1 ? found : await requests.close(id);
    } catch (error) {
      // Whoever gave up hears nothing, so what still comes counts as late.
      if (waiting.signal.aborted) await requests.close(id).catch(() => {});
      throw error;
    } finally {
      waiter.remove();
    }
  }

  /** A database that is away for a moment says nothing about the answer. */
  async #look(id: string): Promise<StoredRequest | undefined> {
    const { requests, logger } = this.#options;
    try {
      return await requests.read(id);
    } catch (error) {
      logger.debug('an answer could not be looked for; trying again', { error, requestId: id });
      return undefined;
    }
  }

  #deadlineOf(context: CallContext, timeoutMs: number): number {
    if (!(timeoutMs > 0)) throw new TypeError('The time to wait is a positive number of milliseconds.');
    return Math.min(context.deadlineMs, this.#options.clock.nowMs() + timeoutMs);
  }

  #pruneLater(): void {
    const { clock, requests, logger } = this.#options;
    this.#cancelPrune = clock.setTimer(() => {
      requests.prune(retentionMs).catch((error: unknown) => {
        logger.warn('old requests could not be pruned; trying again later', { error });
      });
      this.#pruneLater();
    }, pruneIntervalMs);
  }
}

interface Waiting {
  /** Epoch milliseconds. */
  readonly deadlineMs: number;
  readonly signal: AbortSignal;
  /** How many answers end the waiting. */
  readonly enough: number;
}

function noReply(name: string, timeoutMs: number): ServiceError {
  return new ServiceError(
    `No reply to '${name}' within ${timeoutMs} ms; it may have been handled all the same.`,
    { code: 'deadline_exceeded', reason: 'no_reply' },
  );
}
