import { createHttpBinding } from '@banyan/contract';
import { type CallContext, type Caller, isServiceError, ServiceError } from '@banyan/core';
import {
  type CallEnvironment,
  type CancellableCallContext,
  createCallContext,
  type Endpoint,
  routeError,
} from '@banyan/rpc';
import type { AnswerCache } from '../answer-cache.ts';
import type { AskingRequest } from '../asking-request.ts';

import type { ExposedRoute } from '../exposure.ts';
import type { RouteRates } from '../route-rates.ts';
import type { Shedding } from '../shedding.ts';
import { anonymous, checkAccess } from '../user-authentication.ts';
import type { AskOptions, PartAnswer } from './joined-operation.ts';

/** What holds for a part wherever it is asked from: the same as for its own route. */
export interface PartCallOptions {
  /** False while operators have switched the operation off. */
  readonly isOn: () => boolean;
  readonly endpoint: Endpoint;
  readonly rates: RouteRates;
  readonly shedding: Shedding;
  readonly cache: AnswerCache | undefined;
  readonly environment: CallEnvironment;
}

export interface PartCall {
  run(input: unknown, from: Asker, options: AskOptions): Promise<PartAnswer>;
}

/** The request that a part is asked for. */
export interface Asker {
  readonly asking: AskingRequest;
  readonly context: CallContext;
}

export function createPartCall(route: ExposedRoute, options: PartCallOptions): PartCall {
  return new PolicedCall(route, options);
}

class PolicedCall implements PartCall {
  readonly #route: ExposedRoute;
  readonly #options: PartCallOptions;

  constructor(route: ExposedRoute, options: PartCallOptions) {
    this.#route = route;
    this.#options = options;
  }

  async run(input: unknown, from: Asker, ask: AskOptions): Promise<PartAnswer> {
    const { policy, operation } = this.#route;
    const { isOn, rates, cache } = this.#options;
    const { asking, context } = from;
    if (!isOn()) throw routeError({ kind: 'none' });
    checkAccess(context.caller, policy.access);
    await rates.atArrival(asking);
    await rates.forCaller(asking);
    await rates.forInput(asking, input);
    // An open operation answers everybody alike, so it is not told who asks: as on its own route.
    const caller = policy.access === 'anyone' ? anonymous : context.caller;
    const scope = { caller, from, ask };
    if (cache === undefined) return { output: await this.#within(scope, (own) => this.#call(input, own)) };
    const { path } = createHttpBinding(operation).toRequest(input);
    const params = Object.fromEntries(
      operation.pathNames.map((name) => [name, String((input as Readonly<Record<string, unknown>>)[name])]),
    );
    const load = async () => {
      // Others may wait for it, so it goes on when this request is over.
      const loaded = await this.#within({ ...scope, ask: undefined }, (own) => this.#call(input, own));
      return JSON.stringify(loaded ?? null);
    };
    const kept = await this.#within(scope, (own) =>
      unlessCancelled(cache.answer({ caller, params, path, input }, load), own),
    );
    const output: unknown = JSON.parse(kept.body);
    if (!kept.status.includes('stale-if-error')) return { output };
    const ageMs = this.#options.environment.clock.nowMs() - kept.storedAtMs;
    return { output, keptS: Math.max(0, Math.floor(ageMs / 1_000)) };
  }

  #call(input: unknown, context: CallContext): Promise<unknown> {
    const { endpoint, shedding } = this.#options;
    return shedding.run(undefined, () => endpoint.call(this.#route.operation.name, input, context));
  }

  /** Runs `work` in a context that ends when the operation, whoever asks for it, or the whole request has no more time for it. */
  async #within<Result>(
    { caller, from, ask }: PartScope,
    work: (context: CancellableCallContext) => Promise<Result>,
  ): Promise<Result> {
    const { operation } = this.#route;
    const { environment } = this.#options;
    const timeoutMs = Math.min(ask?.timeoutMs ?? operation.timeoutMs, operation.timeoutMs);
    const deadlineMs = environment.clock.nowMs() + Math.max(0, timeoutMs);
    const context = createCallContext({
      caller,
      deadlineMs: ask === undefined ? deadlineMs : Math.min(deadlineMs, from.context.deadlineMs),
      trace: from.context.trace,
      environment,
    });
    const signal = ask && AbortSignal.any([from.context.signal, ...(ask.signal ? [ask.signal] : [])]);
    // The deadline of the whole is one for the part; anything else means that nobody waits for it.
    const cancel = () => {
      const reason: unknown = from.context.signal.reason;
      context.cancel(isServiceError(reason) ? reason : nobodyWaits());
    };
    if (signal?.aborted) cancel();
    signal?.addEventListener('abort', cancel);
    try {
      return await work(context);
    } finally {
      signal?.removeEventListener('abort', cancel);
      context.end();
    }
  }
}

interface PartScope {
  readonly caller: Caller;
  readonly from: Asker;
  /** Undefined if not only this request waits for it. */
  readonly ask: AskOptions | undefined;
}

/** The work goes on without the one who waited. */
function unlessCancelled<Result>(work: Promise<Result>, context: CancellableCallContext): Promise<Result> {
  return new Promise((resolve, reject) => {
    context.onCancel({ cancel: reject });
    work.then(resolve, reject);
  });
}

function nobodyWaits(): ServiceError {
  return new ServiceError('Nobody waits for this part any more.', {
    code: 'cancelled',
    reason: 'call_cancelled',
  });
}
