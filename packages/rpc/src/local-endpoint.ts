import {
  type Contract,
  inputValidator,
  isBinary,
  type Operation,
  outputValidator,
  type Upload,
  type Validator,
} from '@banyan/contract';
import { type CallContext, type Logger, type ServiceError, silentLogger } from '@banyan/core';
import { endRejected, type Span, type Tracer } from '@banyan/telemetry';
import { claimCallContext, type RunnableCallContext } from './call-context.ts';
import { type CallSpans, createCallSpans } from './call-spans.ts';
import type { Endpoint } from './endpoint.ts';
import { internal, translateHandlerError, unknownOperation } from './handler-error.ts';
import { checkUpload } from './http/upload.ts';
import { copyAsJson, encodeInput } from './json-value.ts';
import { createUrlCheck } from './url-fields.ts';

/** Does the work of one operation. `context` ends with the call; `upload` is within the operation's limits. */
export type OperationHandle = (
  operation: Operation,
  input: unknown,
  context: CallContext,
  upload: Upload | undefined,
) => Promise<unknown>;

export interface LocalEndpointOptions {
  readonly contract: Contract;
  /** Gets input that the operation's schema has accepted; what it returns is held against the output schema. */
  readonly handle: OperationHandle;
  /**
   * Passes input and output through JSON, as a network would, so that nothing works in one process that would not work
   * in two. Default true; false saves time in production.
   */
  readonly copy?: boolean;
  /** Hears of errors that a caller is told nothing about. */
  readonly logger?: Logger;
  /** Of the service. Default: its calls leave no spans. */
  readonly tracer?: Tracer | undefined;
}

/**
 * A service in this process as an endpoint. The caller gets its answer, or the error of its deadline or cancellation, at
 * that moment, even if the handler goes on.
 */
export function createLocalEndpoint(options: LocalEndpointOptions): Endpoint {
  return new LocalEndpoint(options);
}

interface PreparedOperation {
  readonly operation: Operation;
  readonly input: Validator<unknown>;
  /** Undefined for an operation that answers with bytes. */
  readonly output: Validator<unknown> | undefined;
  readonly checkUrl: ((input: unknown) => void) | undefined;
  /** Of calls within this process, and of those that come in. */
  readonly spans: { readonly local: CallSpans; readonly remote: CallSpans };
}

class LocalEndpoint implements Endpoint {
  readonly contract: Contract;
  readonly #handle: OperationHandle;
  readonly #copy: boolean;
  readonly #logger: Logger;
  readonly #tracer: Tracer | undefined;
  readonly #operations: ReadonlyMap<string, PreparedOperation>;

  constructor(options: LocalEndpointOptions) {
    this.contract = options.contract;
    this.#handle = options.handle;
    this.#copy = options.copy ?? true;
    this.#logger = options.logger ?? silentLogger;
    this.#tracer = options.tracer;
    this.#operations = new Map(
      Object.entries(options.contract.operations).map(([name, operation]) => [name, prepare(operation)]),
    );
  }

  call(name: string, input: unknown, context: CallContext, upload?: Upload): Promise<unknown> {
    const prepared = this.#operations.get(name);
    if (prepared === undefined) return Promise.reject(unknownOperation(this.contract.name, name));
    const scope = claimCallContext(context, prepared.operation.timeoutMs);
    const span = this.#startSpan(prepared, scope);
    return new Promise((resolve, answer) => {
      const reject = span === undefined ? answer : rejectAndEnd(span, answer);
      scope.rejectOnCancel(reject);
      if (scope.cancelled !== undefined) return;
      try {
        this.#within(span, () => this.#start(prepared, scope, input, upload)).then(
          (output) => {
            scope.end();
            try {
              resolve(this.#checkOutput(prepared, scope, output));
              span?.end();
            } catch (error) {
              reject(error);
            }
          },
          (error) => {
            scope.end();
            reject(this.#errorForCaller(prepared.operation, scope, error));
          },
        );
      } catch (error) {
        scope.end();
        reject(error);
      }
    });
  }

  #startSpan({ spans }: PreparedOperation, scope: RunnableCallContext): Span | undefined {
    if (this.#tracer === undefined) return undefined;
    const calls = scope.isReceived ? spans.remote : spans.local;
    return scope.startSpan(this.#tracer, calls.of(scope.caller.service));
  }

  #within<Result>(span: Span | undefined, work: () => Result): Result {
    return this.#tracer === undefined || span === undefined ? work() : this.#tracer.within(span, work);
  }

  #start(
    prepared: PreparedOperation,
    scope: CallContext,
    input: unknown,
    upload: Upload | undefined,
  ): Promise<unknown> {
    const { operation } = prepared;
    const given = this.#copy ? JSON.parse(encodeInput(input)) : input === undefined ? {} : input;
    prepared.checkUrl?.(given);
    const parsed = prepared.input.parse(given);
    const bytes = operation.upload === undefined ? undefined : checkUpload(upload, operation.upload);
    try {
      return this.#handle(operation, parsed, scope, bytes);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  #checkOutput(prepared: PreparedOperation, scope: CallContext, output: unknown): unknown {
    if (prepared.output === undefined) return output;
    try {
      const parsed = prepared.output.parse(output);
      return this.#copy ? copyAsJson(parsed) : parsed;
    } catch (cause) {
      const error = internal('invalid_output', cause);
      this.#log(prepared.operation, scope, error);
      throw error;
    }
  }

  #errorForCaller(operation: Operation, scope: CallContext, error: unknown): ServiceError {
    const known = translateHandlerError(operation, error);
    if (known.code === 'internal') this.#log(operation, scope, known);
    return known;
  }

  #log(operation: Operation, scope: CallContext, error: ServiceError): void {
    this.#logger.error(`${operation.name} failed`, {
      operation: operation.name,
      traceId: scope.trace.traceId,
      spanId: scope.trace.spanId,
      caller: scope.caller.service,
      error,
    });
  }
}

function prepare(operation: Operation): PreparedOperation {
  const output = isBinary(operation.output) ? undefined : outputValidator(operation);
  const spans = {
    local: createCallSpans(operation, { kind: 'server', placement: 'local' }),
    remote: createCallSpans(operation, { kind: 'server', placement: 'remote' }),
  };
  return { operation, input: inputValidator(operation), output, checkUrl: createUrlCheck(operation), spans };
}

/** The span shows what the caller was told, and when, even if the handler goes on. */
function rejectAndEnd(span: Span, reject: (error: unknown) => void): (error: unknown) => void {
  return (error) => {
    endRejected(span, error);
    reject(error);
  };
}
