import type { Contract, Operation } from '@banyan/contract';
import { isServiceError, ServiceError, toServiceError } from '@banyan/core';
import type { Access } from '../policy.ts';
import type { MissingPart } from './compose.ts';
import type { Asking, PartAnswer } from './joined-operation.ts';

/** One part as it was declared. */
export interface Part {
  readonly name: string;
  readonly contract: Contract;
  readonly operation: Operation;
  readonly isMandatory: boolean;
  /** Parts that its input comes from. */
  readonly needs: readonly string[];
  readonly input: Readonly<Record<string, string | { readonly value: unknown }>>;
  readonly fields?: readonly string[];
  readonly access?: Access;
  readonly timeoutMs?: number;
  readonly fallback?: unknown;
}

interface Outcome {
  /** Undefined if there is none, so that whoever needs it cannot be asked for. */
  readonly output: unknown;
  readonly missing?: MissingPart;
}

/** The rest is for putting together what there is. */
const shareOfOptional = 0.8;

/** Asks the parts, each as soon as what it needs is there. @throws ServiceError what a mandatory part failed with; the others are given up then */
export async function runParts(
  parts: readonly Part[],
  input: unknown,
  { asking, timeoutMs }: { readonly asking: Asking; readonly timeoutMs: number },
): Promise<unknown> {
  const run = new Run(input, asking, timeoutMs);
  return run.all(parts);
}

class Run {
  readonly #input: unknown;
  readonly #asking: Asking;
  readonly #optionalUntilMs: number;
  readonly #givenUp = new AbortController();
  readonly #outcomes = new Map<string, Promise<Outcome>>();

  constructor(input: unknown, asking: Asking, timeoutMs: number) {
    this.#input = input;
    this.#asking = asking;
    const leftMs = Math.min(timeoutMs, asking.deadlineMs - asking.nowMs());
    this.#optionalUntilMs = asking.nowMs() + leftMs * shareOfOptional;
  }

  async all(parts: readonly Part[]): Promise<unknown> {
    for (const part of parts) {
      const outcome = this.#run(part);
      // Awaited below, in order; one that fails before its turn must not count as unobserved.
      outcome.catch(() => undefined);
      this.#outcomes.set(part.name, outcome);
    }
    try {
      const outcomes = await Promise.all(
        parts.map(async (part) => [part, await this.#outcomeOf(part.name)] as const),
      );
      return {
        ...Object.fromEntries(
          outcomes.map(([{ name, fields }, { output }]) => [name, picked(output, fields)]),
        ),
        missing: outcomes.flatMap(([, outcome]) => (outcome.missing === undefined ? [] : [outcome.missing])),
      };
    } finally {
      this.#givenUp.abort();
    }
  }

  async #run(part: Part): Promise<Outcome> {
    const sources: Record<string, unknown> = { input: this.#input };
    for (const need of part.needs) {
      const { output, missing } = await this.#outcomeOf(need);
      if (output === undefined)
        return nothing(part, missing?.because ?? 'unavailable', 'needed_part_missing');
      sources[need] = output;
    }
    try {
      const { output, keptS } = await this.#ask(part, sources);
      if (keptS === undefined) return { output };
      const given = { because: 'unavailable', reason: 'kept_answer', given: 'kept' } as const;
      return { output, missing: { part: part.name, ...given, ageS: keptS } };
    } catch (error) {
      if (part.isMandatory) throw toWholeError(part.name, error);
      return this.#without(part, error);
    }
  }

  #ask(part: Part, sources: Readonly<Record<string, unknown>>): Promise<PartAnswer> {
    const input = Object.fromEntries(
      Object.entries(part.input)
        .map(([field, from]) => [field, typeof from === 'string' ? valueAt(sources, from) : from.value])
        // A part before may lack an optional field.
        .filter(([, value]) => value !== undefined),
    );
    const { nowMs } = this.#asking;
    const leftMs = part.isMandatory ? Number.POSITIVE_INFINITY : this.#optionalUntilMs - nowMs();
    const timeoutMs = Math.min(part.timeoutMs ?? part.operation.timeoutMs, leftMs);
    return this.#asking.ask(part.name, input, { timeoutMs, signal: this.#givenUp.signal });
  }

  #without(part: Part, error: unknown): Outcome {
    const known = toServiceError(error);
    if (known.declared || (known.status < 500 && known.code !== 'resource_exhausted'))
      return nothing(part, 'refused', known.reason);
    if (!this.#givenUp.signal.aborted) this.#asking.report(part.name, error);
    if (part.fallback === undefined) return nothing(part, 'unavailable', known.reason);
    const missing = {
      part: part.name,
      because: 'unavailable',
      reason: known.reason,
      given: 'fallback',
    } as const;
    return { output: part.fallback, missing };
  }

  #outcomeOf(name: string): Promise<Outcome> {
    return this.#outcomes.get(name) ?? Promise.resolve({ output: undefined });
  }
}

function nothing(part: Part, because: MissingPart['because'], reason: string): Outcome {
  return { output: undefined, missing: { part: part.name, because, reason, given: 'nothing' } };
}

function picked(output: unknown, fields: readonly string[] | undefined): unknown {
  if (output === undefined) return null;
  if (fields === undefined || typeof output !== 'object' || output === null) return output;
  return Object.fromEntries(Object.entries(output).filter(([name]) => fields.includes(name)));
}

function valueAt(sources: Readonly<Record<string, unknown>>, path: string): unknown {
  let value: unknown = sources;
  for (const name of path.split('.')) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, name)) return undefined;
    value = (value as Readonly<Record<string, unknown>>)[name];
  }
  return value;
}

/** A refusal of the part is one of the whole. If its service failed, the gateway did not: 502, not 500. */
function toWholeError(part: string, error: unknown): unknown {
  if (isServiceError(error) && (error.declared || error.status < 500)) return error;
  if (isServiceError(error) && [502, 503, 504].includes(error.status)) return error;
  return new ServiceError(`What '${part}' needs could not be had.`, {
    code: 'unavailable',
    reason: 'part_failed',
    status: 502,
    details: { part },
    cause: error,
  });
}
