import { listed } from '../exposure.ts';
import { type Access, policyProblem } from '../policy.ts';
import type { RateLimit } from '../rate-limit.ts';
import type { WebSocketOptions } from './web-socket.ts';

/** What a request tells the upstream in `Authorization`: nothing, what the client sent, or the access token of the signed-in user. */
export const authorizations = ['none', 'as_sent', 'user_token'] as const;
export type ForwardedAuthorization = (typeof authorizations)[number];

/** Where {@link forward} sends requests, and for whom. */
export interface ForwardOptions {
  /** Origin of the upstream, or of several equal ones: `http://legacy:8080`. */
  readonly to: string | readonly string[];
  readonly access: Access;
  readonly rates?: readonly RateLimit[];
  /** Units that one request takes from each of its quotas. Default 1. */
  readonly cost?: number;
  /** The upstream sees `/x` for `/prefix/x`. Default false: it sees the whole path. */
  readonly stripPrefix?: boolean;
  /** The upstream sees the client's `Host`; false: its own, and the client's in `X-Forwarded-Host`. Default false. */
  readonly keepHost?: boolean;
  /** Default `none`. */
  readonly authorization?: ForwardedAuthorization;
  /**
   * Of each hundred clients, those whose requests go to the operations that the system exposes under this path, where there is one; all others, and all
   * requests that no operation is for, go to the upstream. Sticky for each user, or address of who is not signed in; whoever has moved stays so when the
   * number grows. A function is asked at each request, so that the number can change at run time. Default 100.
   */
  readonly moved?: number | (() => number);
  /** Has the operation answer, too, what the upstream answers, and compares. Default: no comparison. */
  readonly compare?: CompareOptions;
  /** Lets WebSockets through. Default: none. */
  readonly webSocket?: WebSocketOptions;
  /** Until the answer begins, counted from the last byte that moved. Default 30,000. */
  readonly timeoutMs?: number;
  /** While an answer is under way, without a byte of it. Longer for server-sent events that are rare. Default 60,000. */
  readonly idleTimeoutMs?: number;
  readonly connectTimeoutMs?: number;
  /** Bytes of a request's body. Default 64 MiB. */
  readonly maxBodyBytes?: number;
  /** Bytes of the head of an answer. Default 32 KiB. */
  readonly maxHeaderBytes?: number;
  /** To each upstream at once; what is above is refused. Default 1,024. */
  readonly maxConnections?: number;
}

/** What is compared of the answers of the upstream and of the operation. */
export interface CompareOptions {
  /** Default `GET` alone. What changes something happens twice: say others only if the operation works on data of its own. */
  readonly methods?: readonly string[];
  /** Fields of the answer that may differ, at any depth. */
  readonly ignore?: readonly string[];
  /** Runs at once; further ones are left out, and counted. Default 16. */
  readonly maxConcurrent?: number;
}

/** Requests under one path that go to an upstream. */
export interface Forwarding {
  /** Without the `*` at its end: `/legacy/`, or the whole path if there was none. */
  readonly prefix: string;
  /** As it was declared, for lists and logs. */
  readonly path: string;
  readonly isPrefix: boolean;
  readonly urls: readonly [URL, ...URL[]];
  readonly options: ForwardOptions;
}

const pathSyntax = /^(?:\/[\w.~!$&'()+,=@-]+)*\/?\*?$/;

/**
 * Sends the requests of a path (`/chat`), or of all paths below one (`/legacy/*`, which includes `/legacy`), to a program that speaks HTTP.
 * Operations of the system under the same path go first.
 * @throws TypeError listing every problem at once, each with its fix
 */
export function forward(path: string, options: ForwardOptions): Forwarding {
  const problems: string[] = [];
  if (!(path.startsWith('/') && pathSyntax.test(path) && (!path.includes('*') || path.endsWith('/*'))))
    problems.push("the path must be like '/chat' or '/legacy/*'.");
  const targets = typeof options.to === 'string' ? [options.to] : options.to;
  const urls = targets.flatMap((target) => (isOrigin(target) ? [new URL(target)] : []));
  const [first, ...others] = urls;
  if (first === undefined || urls.length < targets.length)
    problems.push(
      "'to' must be an origin, or several: 'http://legacy:8080'; nothing may stand behind the port.",
    );
  const { access, rates, cost } = options;
  const problem = policyProblem({
    access,
    ...(rates === undefined ? undefined : { rates }),
    ...(cost === undefined ? undefined : { cost }),
  });
  if (problem !== undefined) problems.push(problem);
  problems.push(...optionProblems(options));
  if (problems.length > 0 || first === undefined) throw new TypeError(listed(`forward('${path}')`, problems));
  const isPrefix = path.endsWith('*');
  return { path, prefix: isPrefix ? path.slice(0, -1) : path, isPrefix, urls: [first, ...others], options };
}

function isOrigin(text: unknown): boolean {
  if (typeof text !== 'string' || !URL.canParse(text)) return false;
  const url = new URL(text);
  return (
    /^https?:$/.test(url.protocol) &&
    (url.origin === text || `${url.origin}/` === text) &&
    url.username === ''
  );
}

const numbers = [
  'timeoutMs', 'idleTimeoutMs', 'connectTimeoutMs', 'maxBodyBytes', 'maxHeaderBytes', 'maxConnections',
] as const; // biome-ignore format: one table

function optionProblems(options: ForwardOptions): string[] {
  const problems: string[] = [];
  for (const name of numbers) {
    const value = options[name];
    if (value !== undefined && !(Number.isSafeInteger(value) && value > 0))
      problems.push(`'${name}' must be a whole number above 0.`);
  }
  const { authorization = 'none', moved, access, compare, webSocket } = options;
  if (!authorizations.includes(authorization))
    problems.push(`'authorization' must be one of ${authorizations.join(', ')}.`);
  if (authorization === 'user_token' && access === 'anyone')
    problems.push("'user_token' needs a signed-in user; change 'access'.");
  if (authorization === 'as_sent' && access !== 'anyone')
    problems.push("the access token of a signed-in user is for this system; use 'user_token' to pass it on.");
  if (typeof moved === 'number' && !(moved >= 0 && moved <= 100))
    problems.push("'moved' is a percentage, 0 to 100.");
  const unknown = (compare?.methods ?? []).find((method) => !comparable.has(method));
  if (unknown !== undefined)
    problems.push(`'compare.methods' has '${unknown}', which is no method of operations.`);
  const origins = webSocket?.origins ?? [];
  if (origins.some((origin) => !URL.canParse(origin) || new URL(origin).origin !== origin))
    problems.push("'webSocket.origins' lists origins as browsers send them, like 'https://shop.example'.");
  return problems;
}

const comparable: ReadonlySet<string> = new Set(['GET', 'POST', 'PUT', 'PATCH', 'DELETE']);

/** Both are normalised, so that what is compared here is what the upstream gets. */
export function covers({ prefix, isPrefix }: Forwarding, path: string): boolean {
  if (!isPrefix) return path === prefix;
  return path.startsWith(prefix) || path === prefix.slice(0, -1);
}

/** The longest prefix first: that one wins. */
export function byLength(forwardings: readonly Forwarding[]): readonly Forwarding[] {
  return forwardings.toSorted((one, other) => other.prefix.length - one.prefix.length);
}
