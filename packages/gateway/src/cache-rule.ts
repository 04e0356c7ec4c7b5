import { type Contract, clientHeader, isBinary, type Operation, sessionHeader } from '@banyan/contract';
import type { Access } from './policy.ts';

/** How long the answers of an operation may be kept, and for whom they are. */
export interface CacheRule {
  /** An answer is fresh for this long. */
  readonly maxAgeS: number;
  /** And for this long after it is still given, while a new one is fetched (RFC 5861). Default 0. */
  readonly staleWhileRevalidateS?: number;
  /** And for this long if the service cannot answer (RFC 5861). Default 0. */
  readonly staleIfErrorS?: number;
  /**
   * Whose answer it is: the same for `everyone` who may use the operation, or each `user`'s own. Must be said where users sign in; open operations answer
   * everyone alike.
   */
  readonly same?: 'everyone' | 'user';
  /**
   * Events of the contract that make answers outdated, within a second on every replica: those whose path parameters have the values that the event's data has
   * under the same names; all answers of the operation if the data has none of them.
   */
  readonly purgedBy?: readonly string[];
}

const known: ReadonlySet<string> = new Set([
  'maxAgeS',
  'staleWhileRevalidateS',
  'staleIfErrorS',
  'same',
  'purgedBy',
]);

/** What is wrong with the rule of one operation, with the fix. */
export function cacheProblems(
  rule: CacheRule,
  { contract, operation, access }: { contract: Contract; operation: Operation; access: Access },
): string[] {
  const problems: string[] = [];
  const name = `${contract.name}.${operation.name}`;
  const { maxAgeS, staleWhileRevalidateS = 0, staleIfErrorS = 0, same, purgedBy = [] } = rule;
  for (const key of Object.keys(rule)) {
    if (!known.has(key))
      problems.push(`'cache' of '${name}' has '${key}'; there are ${[...known].join(', ')}.`);
  }
  for (const seconds of [maxAgeS, staleWhileRevalidateS, staleIfErrorS]) {
    if (!(Number.isSafeInteger(seconds) && seconds >= 0 && seconds <= 31_536_000))
      problems.push(`'cache' of '${name}' needs whole seconds from 0 to a year.`);
  }
  if (operation.method !== 'GET' || operation.status !== 200 || isBinary(operation.output))
    problems.push(`'${name}' cannot be cached: only GET operations that answer 200 with JSON can.`);
  const asked = Object.values(operation.headers);
  if (asked.includes(clientHeader) || asked.includes(sessionHeader))
    problems.push(`'${name}' cannot be cached: it answers each client or session differently.`);
  if (access !== 'anyone' && same !== 'everyone' && same !== 'user')
    problems.push(
      `'${name}' is for signed-in users; say in 'cache' whether it is the same for 'everyone' or each 'user'.`,
    );
  if (access === 'anyone' && same === 'user')
    problems.push(`'${name}' is open to anyone, so its answers are no user's own.`);
  for (const event of purgedBy) {
    if (!Object.hasOwn(contract.events, event))
      problems.push(`'${name}' is purged by '${event}', which is no event of '${contract.name}'.`);
  }
  return problems;
}

/** All answers of an operation. */
export function tagOfOperation(service: string, operation: string): string {
  return `${service}.${operation}`;
}

/** The answers of an operation whose path has these values. */
export function tagOfParameters(
  service: string,
  operation: string,
  parameters: Readonly<Record<string, unknown>>,
): string {
  const names = Object.keys(parameters).sort();
  return `${service}.${operation} ${JSON.stringify(names.map((name) => [name, String(parameters[name])]))}`;
}

/**
 * The answers at a path, whatever the query. Both spellings of a segment are one path, because answers are kept by the decoded input. What cannot be decoded,
 * as in a `Location` from elsewhere, is nobody's path.
 */
export function tagOfPath(path: string): string {
  try {
    const segments = path.split('/').map((segment) => encodeURIComponent(decodeURIComponent(segment)));
    return `path ${segments.join('/')}`;
  } catch {
    return `path ${path}`;
  }
}
