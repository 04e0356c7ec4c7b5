import type { IncomingMessage } from 'node:http';
import type { Logger } from '@banyan/core';
import { parseJson } from '@banyan/rpc';
import type { Exchange } from '../exchange.ts';
import { firstDifference } from './first-difference.ts';
import type { CompareOptions } from './forwarding.ts';
import { plainBody } from './plain-body.ts';
import type { RelayCopy } from './relay.ts';
import type { ResponseHead } from './response-head.ts';
import type { ShadowAnswer, ShadowedRequest } from './shadow-call.ts';

export const parallelOutcomes = ['same', 'different', 'failed', 'left_out'] as const;
export type ParallelOutcome = (typeof parallelOutcomes)[number];

export interface ParallelRunOptions {
  readonly method: string;
  readonly compare: CompareOptions;
  /** Has the operation answer, in the version that would have answered. */
  readonly ask: (request: ShadowedRequest) => Promise<ComparedAnswer | undefined>;
  readonly logger: Logger;
  readonly onOutcome: (outcome: ParallelOutcome) => void;
}

export interface ComparedAnswer extends ShadowAnswer {
  /** Name of the operation. */
  readonly operation: string;
}

/**
 * Lets an operation answer what an upstream has answered, and compares (parallel run; shadow traffic). The client has its answer by then, whatever
 * becomes of the comparison.
 */
export interface ParallelRun {
  /** Undefined if this request is not compared. */
  copyOf(exchange: Exchange, params: Readonly<Record<string, string>>): RelayCopy | undefined;
}

/** Larger bodies are not kept, and not compared; decompressed ones neither. */
const maxBytes = 1_048_576;

export function createParallelRun(options: ParallelRunOptions): ParallelRun | undefined {
  const { method, compare } = options;
  const methods = compare.methods ?? ['GET'];
  if (!methods.includes(method)) return undefined;
  const places = createPlaces(compare.maxConcurrent ?? 16);
  return {
    copyOf(exchange, params) {
      // HEAD has no body to compare.
      if (exchange.request.method !== method) return undefined;
      if (asksForPart(exchange.request)) {
        options.onOutcome('left_out');
        return undefined;
      }
      return new Copy({ exchange, params, places }, options);
    },
  };
}

/** The old system may answer less than all of it, which is nothing to compare with. */
function asksForPart({ headers }: IncomingMessage): boolean {
  return conditions.some((name) => headers[name] !== undefined);
}

const conditions = [
  'range',
  'if-range',
  'if-match',
  'if-none-match',
  'if-modified-since',
  'if-unmodified-since',
] as const;

/** Partial and not modified. */
const parts: ReadonlySet<number | undefined> = new Set([206, 304]);

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
    const { onOutcome } = this.#options;
    const { places } = this.#run;
    if (this.#bytes > maxBytes || parts.has(this.#head?.status) || !places.enter()) {
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
    const { ask, logger, compare, onOutcome } = this.#options;
    const { exchange, params } = this.#run;
    const { traceId } = exchange.trace;
    try {
      const status = this.#head?.status ?? 0;
      // The words of a refusal are each system's own.
      const old =
        status < 400
          ? await plainBody(Buffer.concat(this.#answer), codingsOf(this.#head), maxBytes)
          : undefined;
      const own = old === 'too large' ? undefined : await ask({ exchange, params, body: this.#body });
      if (old === 'too large' || own === undefined) {
        onOutcome('left_out');
        return;
      }
      const { operation } = own;
      const body = old === undefined ? undefined : jsonOf(old);
      const answer = { status: own.status, body: body === undefined ? undefined : own.body };
      const at = firstDifference({ status, body }, answer, new Set(compare.ignore ?? []));
      onOutcome(at === undefined ? 'same' : 'different');
      // Where, not what: answers hold data of people.
      if (at !== undefined)
        logger.warn('answers differ', { operation, traceId, at, oldStatus: status, newStatus: own.status });
    } catch (error) {
      onOutcome('failed');
      logger.warn('answers could not be compared', { route: exchange.route, traceId, error });
    }
  }
}

function codingsOf(head: ResponseHead | undefined): string {
  const { fields = [] } = head ?? {};
  return fields.filter((_, index) => index % 2 === 1 && fields[index - 1] === 'content-encoding').join(',');
}

/** Undefined for what is no JSON: then statuses alone are compared. */
function jsonOf(body: Buffer): unknown {
  try {
    return parseJson(body);
  } catch {
    return undefined;
  }
}
