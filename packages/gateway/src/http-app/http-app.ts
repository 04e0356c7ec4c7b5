import type { Contract, Operation } from '@banyan/contract';
import { platformPaths } from '../exposure.ts';

/**
 * An HTTP request as an operation of an application takes it: for protocols whose messages are HTTP itself, such as OAuth, so that a well-kept
 * library can answer them inside a service. It travels as any other input, in every placement.
 */
export interface AppRequest {
  readonly method: string;
  /** Below the prefix, with its slash: `/token`; `/` for the prefix itself. */
  readonly path: string;
  /** Without `?`. */
  readonly query: string;
  /** Those that {@link appRequestHeaders} names, in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  /** UTF-8. */
  readonly body: string;
  /** Where it comes from, as the gateway knows it. */
  readonly client: string;
}

/** The whole answer of an {@link httpApp}: what the client gets. */
export interface AppResponse {
  readonly status: number;
  /** In their order; a name may come several times. */
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly body: string;
}

/** What of a request's headers reaches an application. Who forwarded it, or on whose behalf, is never the client's to say. */
export const appRequestHeaders = [
  'accept',
  'accept-language',
  'authorization',
  'content-type',
  'cookie',
  'origin',
  'sec-fetch-site',
] as const;

/** An operation that answers every request below a prefix. */
export interface HttpApp {
  readonly prefix: string;
  readonly contract: Contract;
  readonly operation: Operation;
}

/**
 * Hands every request below `prefix` to one operation, whose input is an {@link AppRequest} and whose output an {@link AppResponse}. Anyone may
 * ask: who may do what is the application's to decide.
 * @throws TypeError if the contract has no such operation, or the prefix is none
 */
export function httpApp<C extends Contract>(
  prefix: string,
  contract: C,
  operation: keyof C['operations'] & string,
): HttpApp {
  if (!/^(\/[a-z0-9][a-z0-9-]*)+$/.test(prefix)) {
    throw new TypeError(`httpApp(): '${prefix}' is no prefix; write it as '/oauth'.`);
  }
  const found = (contract.operations as Readonly<Record<string, Operation>>)[operation];
  if (found === undefined) {
    const known = Object.keys(contract.operations).join(', ');
    throw new TypeError(`httpApp(): '${contract.name}' has no operation '${operation}'; it has ${known}.`);
  }
  return { prefix, contract, operation: found };
}

/** Applications in each other's place, or in that of an operation or of the platform. */
export function httpAppProblems(
  apps: readonly HttpApp[],
  routes: readonly { readonly operation: { readonly path: string } }[],
): string[] {
  const taken = [...platformPaths, ...routes.map(({ operation }) => operation.path)];
  return apps.flatMap(({ prefix }, index) => {
    const others = [...taken, ...apps.slice(0, index).map((each) => each.prefix)];
    const other = others.find((path) => isBelow(path, prefix) || isBelow(prefix, path));
    return other === undefined ? [] : [`the application at ${prefix} collides with ${other}; change one.`];
  });
}

export function isBelow(path: string, prefix: string): boolean {
  return path === prefix || path.startsWith(`${prefix}/`);
}
