import type { Operation, Upload } from '@banyan/contract';
import type { CallContext, Clock, Logger } from '@banyan/core';
import { createLocalEndpoint, type Endpoint } from '@banyan/rpc';
import type { AuditTrail, CallRecord } from './audit-trail.ts';
import { callerNotAllowed } from './caller-not-allowed.ts';
import { OperationHandlerContext, type ServiceRuntime } from './handler-context.ts';
import { createKeyedCalls, isKeyedCall, type KeyedCalls } from './keyed-call.ts';
import type { Service } from './service.ts';

export interface ServiceEndpointOptions {
  readonly service: Service;
  readonly runtime: ServiceRuntime;
  /** Undefined for a service without a database. */
  readonly audit: AuditTrail | undefined;
  /** Names of the services (and `gateway`) that may call. */
  readonly callers: ReadonlySet<string>;
  readonly copy: boolean;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** The handlers of a service as something that can be called, wherever the call comes from. */
export interface ServiceEndpoint {
  readonly endpoint: Endpoint;
  /** Resolves when no call is in flight, or after `timeoutMs`. */
  drained(timeoutMs: number): Promise<void>;
}

export function createServiceEndpoint(options: ServiceEndpointOptions): ServiceEndpoint {
  const calls = createCallCounter(options.clock);
  const handlers = new ServiceHandlers(options, calls);
  const { service, audit, copy, logger } = options;
  const endpoint = createLocalEndpoint({
    contract: service.contract,
    copy,
    logger,
    async handle(operation, input, context, upload) {
      const record = audit?.recordOf(operation, input, context);
      const call = { operation, input, context, upload, record };
      return record === undefined ? handlers.run(call) : record.around(() => handlers.run(call));
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
  readonly #calls: CallCounter;
  readonly #keyed: KeyedCalls;

  constructor(options: ServiceEndpointOptions, calls: CallCounter) {
    this.#options = options;
    this.#calls = calls;
    this.#keyed = createKeyedCalls(options.runtime);
  }

  async run({ operation, input, context, upload, record }: Call): Promise<unknown> {
    const { service, runtime, callers } = this.#options;
    if (!callers.has(context.caller.service)) throw callerNotAllowed(context.caller.service, service.name);
    const handler = service.operations[operation.name];
    if (handler === undefined) throw new TypeError(`no handler for '${operation.name}'`);
    this.#calls.begin();
    try {
      if (runtime.replies !== undefined && isKeyedCall(context, operation)) {
        return await this.#keyed.run({ operation, handler, input, context, record });
      }
      return await handler(
        input,
        new OperationHandlerContext(runtime, context, { operation, upload, record }),
      );
    } finally {
      this.#calls.end();
    }
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
