import { isServiceError } from '@banyan/core';
import { inTime, NoAnswer } from './in-time.ts';

/** A service that is missing in a list over all of them, because it could not be asked. */
export interface LeftOut {
  readonly service: string;
  /** Such as `database_unavailable`; `no_answer` after five seconds. */
  readonly reason: string;
}

export interface Answers<Answer> {
  readonly answers: readonly Answer[];
  readonly leftOut: readonly LeftOut[];
}

const patienceMs = 5_000;

interface Asked {
  /** Those that somebody named: a failure of one is the answer. */
  readonly named: readonly string[];
  /** Asked if nobody is named. One that fails or takes long is left out, and told: the others are worth showing without it. */
  readonly all: readonly string[];
}

/** Asks services side by side. @throws what is no `ServiceError`, whatever it came of */
export async function askServices<Answer>(
  { named, all }: Asked,
  ask: (name: string) => Promise<readonly Answer[]>,
): Promise<Answers<Answer>> {
  if (named.length > 0) return { answers: (await Promise.all(named.map(ask))).flat(), leftOut: [] };
  const found = await Promise.all(
    all.map(async (service) => {
      try {
        return { answers: await inTime(ask(service), patienceMs), leftOut: [] };
      } catch (error) {
        return { answers: [], leftOut: [{ service, reason: reasonOf(error) }] };
      }
    }),
  );
  return {
    answers: found.flatMap(({ answers }) => answers),
    leftOut: found.flatMap(({ leftOut }) => leftOut),
  };
}

/** For a person. */
export function sayLeftOut(leftOut: readonly LeftOut[]): string {
  const named = leftOut.map(({ service, reason }) => `${service} (${reason})`).join(', ');
  return `${leftOut.length} ${leftOut.length === 1 ? 'service' : 'services'} could not be asked: ${named}`;
}

/** @throws what is no refusal: a bug is nothing that a list may hide */
function reasonOf(error: unknown): string {
  if (error instanceof NoAnswer) return 'no_answer';
  if (isServiceError(error)) return error.reason;
  throw error;
}
