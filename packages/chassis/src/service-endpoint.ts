import type { Operation, Upload } from '@banyan/contract';
import type { CallContext, Clock, Logger } from '@banyan/core';
import { createLocalEndpoint, type Endpoint } from '@banyan/rpc';
import type { Tracer } from '@banyan/telemetry';
import type { AccessGuard } from './access/access-guard.ts';
import type { DenialLog } from './access/denial-log.ts';
import type { AuditTrail, CallRecord } from './audit-trail.ts';
import { OperationHandlerContext, type ServiceRuntime } from './handler-context.ts';
import { createKeyedCalls, isKeyedCall, type KeyedCalls } from './keyed-call.ts';
import type { OperationHandler, Service } from './service.ts';
import type { Slowdown } from './slowdown.ts';

export interface ServiceEndpointOptions {
  readonly service: Service;
  readonly runtime: ServiceRuntime;
  /** Undefined for a service without a database. */
  readonly audit: AuditTrail | undefined;
  readonly guard: AccessGuard;
  readonly denials: DenialLog;
  readonly copy: boolean;
  /** Of each call, before it is looked at. */
  readonly slowdown: Slowdown;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly tracer: Tracer | undefined;
}

/** The handlers of a service as something that can be called, wherever the call comes from. */
export interface ServiceEndpoint {
  readonly endpoint: Endpoint;
  /** Resolves when no call is in flight, or after `timeoutMs`. */
  drained(timeoutMs: number): Promise<void>;
}

export function createServiceEndpoint(options: ServiceEndpointOptions): ServiceEndpoint {
  const calls = createCallCounter(options.clock);
  const handlers = new ServiceHandlers(options);
  const { service, audit, copy, slowdown, logger, tracer } = options;
  const endpoint = createLocalEndpoint({
    contract: service.contract,
    copy,
    logger,
    tracer,
    async handle(operation, input, context, upload) {
      // Before anything else: the store stays open for a call that is held up, too.
      calls.begin();
      try {
        if (slowdown.delayMs > 0) await slowdown.hold(context.signal);
        const record = audit?.recordOf(operation, input, context);
        const call = { operation, input, context, upload, record };
        const settled = await handlers.admit(call);
        if (settled !== undefined) return settled.answer;
        return await (record === undefined ? handlers.run(call) : record.around(() => handlers.run(call)));
      } finally {
        calls.end();
      }
    },
  });
  return { endpoint, drained: (timeoutMs) => calls.drained(timeoutMs) };
}

interface Call {
  readonly operation: Operation;
  readonly input: unknown;
  readonly context: CallContext;
  readonly upload: Upload | undefined;
  readonly record: CallRecord | undefined;
}

class ServiceHandlers {
  readonly #options: ServiceEndpointOptions;
  readonly #keyed: KeyedCalls;

  constructor(options: ServiceEndpointOptions) {
    this.#options = options;
    const { actsOutside } = options.service;
    this.#keyed = createKeyedCalls(options.runtime, { actsOutside });
  }

  /**
   * Lets a call in or refuses it; on record if refused. Resolves with the answer of one that may not be made any more, but was made before.
   * @throws ServiceError `permission_denied` `caller_not_allowed`, `denied_by_policy`; `unavailable` `policies_unavailable`
   */
  async admit(call: Call): Promise<{ readonly answer: unknown } | undefined> {
    const { guard, denials } = this.#options;
    const { operation, input, context, record } = call;
    let refusal = guard.refuseCaller(context);
    if (refusal === undefined) {
      refusal = guard.refuseCall(operation, input, context);
      if (refusal === undefined) return undefined;
      const settled = await this.#settled(call);
      if (settled !== undefined) return settled;
    }
    // What nobody decided is no denial.
    if (refusal.code === 'permission_denied')
      await denials.refusedCall({ operation: operation.name, subject: record?.subject, context }, refusal);
    throw refusal;
  }

  async run({ operation, input, context, upload, record }: Call): Promise<unknown> {
    const { runtime } = this.#options;
    const handler = this.#handlerOf(operation);
    if (this.#isKeyed(operation, context)) {
      return await this.#keyed.run({ operation, handler, input, context, record });
    }
    return await handler(input, new OperationHandlerContext(runtime, context, { operation, upload, record }));
  }

  #settled({ operation, input, context, record }: Call): Promise<{ readonly answer: unknown } | undefined> {
    if (!this.#isKeyed(operation, context)) return Promise.resolve(undefined);
    const handler = this.#handlerOf(operation);
    return this.#keyed.settled({ operation, handler, input, context, record });
  }

  #isKeyed(operation: Operation, context: CallContext): boolean {
    return this.#options.runtime.replies !== undefined && isKeyedCall(context, operation);
  }

  #handlerOf(operation: Operation): OperationHandler {
    const handler = this.#options.service.operations[operation.name];
    if (handler === undefined) throw new TypeError(`no handler for '${operation.name}'`);
    return handler;
  }
}

interface CallCounter {
  begin(): void;
  end(): void;
  /** Resolves when no call is in flight, or after `timeoutMs`. */
  drained(timeoutMs: number): Promise<void>;
}

function createCallCounter(clock: Clock): CallCounter {
  let inFlight = 0;
  let onIdle: (() => void) | undefined;
  return {
    begin() {
      inFlight += 1;
    },
    end() {
      inFlight -= 1;
      if (inFlight === 0) onIdle?.();
    },
    async drained(timeoutMs) {
      if (inFlight === 0) return;
      await new Promise<void>((resolve) => {
        const cancel = clock.setTimer(resolve, timeoutMs);
        onIdle = () => {
          cancel();
          resolve();
        };
      });
    },
  };
}
