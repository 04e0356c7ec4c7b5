import type { IncomingMessage } from 'node:http';
import { createHttpBinding, takesJsonBody } from '@banyan/contract';
import { isServiceError, toProblem } from '@banyan/core';
import { type CallEnvironment, createCallContext, type Endpoint, parseJson } from '@banyan/rpc';
import type { AskingRequest } from '../asking-request.ts';
import type { Exchange } from '../exchange.ts';
import type { ExposedRoute } from '../exposure.ts';
import { createInputHeaders } from '../input-headers.ts';
import type { KeptAccess } from '../kept-access.ts';
import type { RouteRates } from '../route-rates.ts';
import type { Shedding } from '../shedding.ts';
import { anonymous, type UserAuthentication } from '../user-authentication.ts';
import type { PathParams } from '../versions/version-choice.ts';

export interface ShadowCallOptions {
  /** Whom the requests of the route are handed to. */
  readonly endpoint: (asking: AskingRequest) => Endpoint;
  readonly authentication: UserAuthentication;
  /** The operation's own; those of the gateway and of the forwarding were taken from when the request came. */
  readonly rates: RouteRates;
  readonly shedding: Shedding;
  /** Whom the policies in force let in: a shadow is nobody's attempt, so it is not to be denied and put on record. */
  readonly isAllowed: KeptAccess;
  readonly environment: CallEnvironment;
}

export interface ShadowAnswer {
  readonly status: number;
  readonly body: unknown;
}

/** A request that was answered elsewhere. */
export interface ShadowedRequest {
  readonly exchange: Exchange;
  readonly params: PathParams;
  readonly body: readonly Buffer[];
}

/** Lets an operation answer a request that somebody else has answered. */
export interface ShadowCall {
  /** @returns undefined for a request that would not have come to the operation: by its policy, a quota, or for want of room */
  ask(request: ShadowedRequest): Promise<ShadowAnswer | undefined>;
}

const timeoutMs = 10_000;

export function createShadowCall(route: ExposedRoute, options: ShadowCallOptions): ShadowCall {
  const { operation, policy } = route;
  const { endpoint, authentication, rates, shedding, isAllowed, environment } = options;
  const binding = createHttpBinding(operation);
  const headersOf = createInputHeaders(operation, authentication);
  const readsJson = takesJsonBody(operation);

  const admit = async (from: AskingRequest, request: IncomingMessage): Promise<AskingRequest> => {
    await rates.atArrival(from);
    const asking = { ...from, caller: await authentication.authenticate(request, policy.access) };
    await rates.forCaller(asking);
    return asking;
  };

  const call = async (asking: AskingRequest, input: unknown): Promise<ShadowAnswer | undefined> => {
    const context = createCallContext({
      caller: asking.caller ?? anonymous,
      timeoutMs: Math.min(operation.timeoutMs, timeoutMs),
      trace: asking.trace,
      environment,
    });
    let isAsked = false;
    try {
      const output = await shedding.run(undefined, () => {
        isAsked = true;
        return endpoint(asking).call(operation.name, input, context);
      });
      // As it would be on the wire.
      const body = operation.status === 204 ? undefined : JSON.parse(JSON.stringify(output ?? null));
      return { status: operation.status, body };
    } catch (error) {
      if (isAsked) return answerOf(error);
      return undefined;
    } finally {
      context.end();
    }
  };

  return {
    async ask({ exchange, params, body }) {
      const { client, trace, request } = exchange;
      const asking = await unlessRefused(() =>
        admit({ client, trace, caller: undefined, quotas: [] }, request),
      );
      if (asking === undefined) return undefined;
      let input: unknown;
      try {
        const json = readsJson ? parseJson(Buffer.concat(body)) : undefined;
        input = binding.toInput(params, exchange.query, json, headersOf(exchange));
      } catch (error) {
        return answerOf(error);
      }
      const isCounted = await unlessRefused(async () => {
        await rates.forInput(asking, input);
        return true;
      });
      const isMeant = isCounted === true && isAllowed({ caller: asking.caller ?? anonymous, input });
      return isMeant ? call(asking, input) : undefined;
    },
  };
}

/** @throws what was thrown, unless it is an answer */
function answerOf(error: unknown): ShadowAnswer {
  if (!isServiceError(error) || error.status >= 500) throw error;
  return { status: toProblem(error).status, body: undefined };
}

async function unlessRefused<Result>(ask: () => Promise<Result>): Promise<Result | undefined> {
  try {
    return await ask();
  } catch (error) {
    if (!isServiceError(error)) throw error;
    return undefined;
  }
}
