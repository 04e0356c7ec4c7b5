import { createHttpBinding, isBinary, type Operation } from '@banyan/contract';
import { isServiceError, type Logger, toProblem } from '@banyan/core';
import { type CallEnvironment, createCallContext, type Endpoint, parseJson } from '@banyan/rpc';
import type { Exchange } from '../exchange.ts';
import type { Access } from '../policy.ts';
import { takesJsonBody } from '../takes-json-body.ts';
import { firstDifference } from './first-difference.ts';
import type { CompareOptions } from './forwarding.ts';
import type { RelayCopy } from './relay.ts';
import type { ResponseHead } from './response-head.ts';

export const parallelOutcomes = ['same', 'different', 'failed', 'left_out'] as const;
export type ParallelOutcome = (typeof parallelOutcomes)[number];

export interface ParallelRunOptions {
  readonly operation: Operation;
  readonly access: Access;
  readonly endpoint: Endpoint;
  readonly compare: CompareOptions;
  readonly environment: CallEnvironment;
  readonly logger: Logger;
  readonly onOutcome: (outcome: ParallelOutcome) => void;
}

/**
 * Lets an operation answer what an upstream has answered, and compares (parallel run; shadow traffic). The client has its answer by then, whatever
 * becomes of the comparison.
 */
export interface ParallelRun {
  /** Undefined if this request is not compared. */
  copyOf(exchange: Exchange, params: Readonly<Record<string, string>>): RelayCopy | undefined;
}

/** Larger bodies are not kept, and not compared. */
const maxBytes = 1_048_576;
const timeoutMs = 10_000;

export function createParallelRun(options: ParallelRunOptions): ParallelRun | undefined {
  const { operation, compare } = options;
  const methods = compare.methods ?? ['GET'];
  if (!methods.includes(operation.method) || isBinary(operation.output) || operation.upload !== undefined)
    return undefined;
  const places = createPlaces(compare.maxConcurrent ?? 16);
  return {
    copyOf(exchange, params) {
      // HEAD has no body to compare.
      if (exchange.request.method !== operation.method) return undefined;
      return new Copy({ exchange, params, places }, options);
    },
  };
}

interface Places {
  enter(): boolean;
  leave(): void;
}

function createPlaces(count: number): Places {
  let left = count;
  return {
    enter() {
      if (left === 0) return false;
      left -= 1;
      return true;
    },
    leave() {
      left += 1;
    },
  };
}

interface Run {
  readonly exchange: Exchange;
  readonly params: Readonly<Record<string, string>>;
  readonly places: Places;
}

class Copy implements RelayCopy {
  readonly #run: Run;
  readonly #options: ParallelRunOptions;
  readonly #body: Buffer[] = [];
  readonly #answer: Buffer[] = [];
  #bytes = 0;
  #head: ResponseHead | undefined = undefined;

  constructor(run: Run, options: ParallelRunOptions) {
    this.#run = run;
    this.#options = options;
  }

  onBody(chunk: Buffer): void {
    this.#keep(this.#body, chunk);
  }

  onHead(head: ResponseHead): void {
    this.#head = head;
  }

  onData(data: Buffer): void {
    this.#keep(this.#answer, data);
  }

  onEnd(): void {
    const { access, onOutcome } = this.#options;
    const { exchange, places } = this.#run;
    const mayAsk = access === 'anyone' || exchange.caller?.user !== undefined;
    if (this.#bytes > maxBytes || !mayAsk || !places.enter()) {
      onOutcome('left_out');
      return;
    }
    // Behind the client's answer, which is written by then.
    setImmediate(() => void this.#compare().finally(() => places.leave()));
  }

  #keep(chunks: Buffer[], chunk: Buffer): void {
    this.#bytes += chunk.length;
    if (this.#bytes <= maxBytes) chunks.push(chunk);
    else chunks.length = 0;
  }

  async #compare(): Promise<void> {
    const { operation, logger, compare, onOutcome } = this.#options;
    const { exchange } = this.#run;
    const fields = { operation: operation.name, traceId: exchange.trace.traceId };
    try {
      const own = await this.#call(this.#run);
      const status = this.#head?.status ?? 0;
      // The words of a refusal are each system's own.
      const old = { status, body: status < 400 ? jsonOf(this.#answer) : undefined };
      const at = firstDifference(old, own, new Set(compare.ignore ?? []));
      onOutcome(at === undefined ? 'same' : 'different');
      // Where, not what: answers hold data of people.
      if (at !== undefined)
        logger.warn('answers differ', { ...fields, at, oldStatus: status, newStatus: own.status });
    } catch (error) {
      onOutcome('failed');
      logger.warn('answers could not be compared', { ...fields, error });
    }
  }

  async #call({ exchange, params }: Run): Promise<{ readonly status: number; readonly body: unknown }> {
    const { operation, endpoint, environment } = this.#options;
    const context = createCallContext({
      caller: exchange.caller ?? { service: 'gateway' },
      timeoutMs: Math.min(operation.timeoutMs, timeoutMs),
      trace: exchange.trace,
      environment,
    });
    try {
      const body = takesJsonBody(operation) ? parseJson(Buffer.concat(this.#body)) : undefined;
      const input = createHttpBinding(operation).toInput(
        params,
        exchange.query,
        body,
        exchange.request.headers,
      );
      const output = await endpoint.call(operation.name, input, context);
      // As it would be on the wire.
      const answered = operation.status === 204 ? undefined : JSON.parse(JSON.stringify(output ?? null));
      return { status: operation.status, body: answered };
    } catch (error) {
      if (!isServiceError(error) || error.status >= 500) throw error;
      return { status: toProblem(error).status, body: undefined };
    } finally {
      context.end();
    }
  }
}

/** Undefined for what is no JSON: then statuses alone are compared. */
function jsonOf(chunks: readonly Buffer[]): unknown {
  try {
    return parseJson(Buffer.concat(chunks));
  } catch {
    return undefined;
  }
}
