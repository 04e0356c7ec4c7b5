import type { Contract, Operation, Upload } from '@banyan/contract';
import type { CallContext } from '@banyan/core';
import { deriveCallContext, type Endpoint } from '@banyan/rpc';
import { activeBelow } from '@banyan/telemetry';
import type { CallOptions, Client, Uses } from './service-context.ts';

type ClientMethod = (input: unknown, options?: CallOptions) => Promise<unknown>;

/** Makes the `call` object of one context: `call.payments.authorize(input)`. */
export type CreateCalls = (
  context: CallContext,
) => Readonly<Record<string, Readonly<Record<string, ClientMethod>>>>;

export interface ClientsOptions {
  /** Name of the calling service, as the callee will see it. */
  readonly caller: string;
  readonly uses: Uses;
  /** The service that keeps the contract of that name, in a version that is compatible with the given one. */
  readonly endpoint: (contractName: string, version?: string) => Endpoint;
}

/**
 * Prepares typed calls once per service, so that a context only carries two references: its classes hold one method per
 * operation and one getter per used service, made when the service starts.
 */
export function createClients(options: ClientsOptions): CreateCalls {
  class Calls {
    readonly context: CallContext;
    constructor(context: CallContext) {
      this.context = context;
    }
  }
  for (const [alias, contract] of Object.entries(options.uses)) {
    const ServiceClient = clientClass(options.caller, Object.values(contract.operations), () =>
      options.endpoint(contract.name, contract.version),
    );
    Object.defineProperty(Calls.prototype, alias, {
      get(this: Calls) {
        return new ServiceClient(this.context);
      },
    });
  }
  return (context) => new Calls(context) as unknown as ReturnType<CreateCalls>;
}

function clientClass(caller: string, operations: readonly Operation[], endpoint: () => Endpoint) {
  class OperationCalls {
    readonly context: CallContext;
    constructor(context: CallContext) {
      this.context = context;
    }
  }
  for (const operation of operations) {
    Object.defineProperty(OperationCalls.prototype, operation.name, {
      // A getter, so that `const { authorize } = call.payments` keeps its context.
      get(this: OperationCalls): ClientMethod {
        return (input, callOptions) =>
          callOperation(caller, endpoint(), operation, { input, parent: this.context, ...callOptions });
      },
    });
  }
  return OperationCalls;
}

interface OutgoingCall extends CallOptions {
  readonly input: unknown;
  readonly parent: CallContext;
  readonly upload?: Upload;
}

/** Calls one operation on behalf of `caller`. */
export async function callOperation(
  caller: string,
  endpoint: Endpoint,
  operation: Operation,
  call: OutgoingCall,
): Promise<unknown> {
  const context = deriveCallContext(call.parent, {
    service: caller,
    timeoutMs: Math.min(call.timeoutMs ?? operation.timeoutMs, operation.timeoutMs),
    idempotencyKey: call.idempotencyKey,
    signal: call.signal,
    below: activeBelow(call.parent),
  });
  try {
    return await endpoint.call(operation.name, call.input, context, call.upload);
  } finally {
    context.end();
  }
}

/**
 * Typed calls to one service from outside of any handler: tests, scripts, tools.
 * @param createContext makes the context of each call
 */
export function createClient<C extends Contract>(
  contract: C,
  endpoint: Endpoint,
  createContext: () => CallContext,
): Client<C> {
  const methods = Object.values(contract.operations).map((operation): [string, ClientMethod] => [
    operation.name,
    (input, options) => {
      const parent = createContext();
      const { service } = parent.caller;
      const idempotencyKey = options?.idempotencyKey ?? parent.idempotencyKey;
      const named = idempotencyKey === undefined ? {} : { idempotencyKey };
      return callOperation(service, endpoint, operation, { input, parent, ...options, ...named });
    },
  ]);
  return Object.fromEntries(methods) as unknown as Client<C>;
}
