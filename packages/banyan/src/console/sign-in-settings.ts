import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { ConsoleAccess } from '@banyan/console-api';
import { createOidcSignIn } from '@banyan/console-api/sign-in';
import { type Logger, systemClock } from '@banyan/core';
import { invalid } from '../invalid-setting.ts';

/** Who may use a console that does not stand on a developer's machine. */
export interface SignInSettings {
  readonly publicUrl: string;
  readonly issuer: string;
  /** Where operators try operations. */
  readonly gatewayUrl: string | undefined;
  readonly clientId: string;
  readonly clientSecret: string | undefined;
  /** Account ids. */
  readonly operators: ReadonlySet<string>;
  /** What senders of telemetry prove themselves with. */
  readonly sendToken: string | undefined;
  /** What programs that read prove themselves with. */
  readonly readToken: string | undefined;
}

const minTokenLength = 24;

/** @throws ServiceError `failed_precondition` `invalid_configuration` */
export function parseSignIn(source: Readonly<Record<string, string | undefined>>): SignInSettings {
  const given = (name: string) => source[name] || undefined;
  const operators = (given('BANYAN_CONSOLE_OPERATORS') ?? '')
    .split(',')
    .map((each) => each.trim())
    .filter((each) => each !== '');
  if (operators.length === 0)
    throw invalid('Set BANYAN_CONSOLE_OPERATORS to the ids of the accounts that may use the console.');
  return {
    publicUrl: new URL(secureUrl(source, 'BANYAN_CONSOLE_URL', 'where browsers reach the console')).origin,
    issuer: secureUrl(source, 'BANYAN_CONSOLE_ISSUER', 'the OpenID provider that operators sign in at'),
    gatewayUrl: httpUrl(given('BANYAN_CONSOLE_GATEWAY')),
    clientId: given('BANYAN_CONSOLE_CLIENT') ?? 'console',
    clientSecret: given('BANYAN_CONSOLE_CLIENT_SECRET'),
    operators: new Set(operators),
    sendToken: token(source, 'BANYAN_CONSOLE_SEND_TOKEN'),
    readToken: token(source, 'BANYAN_CONSOLE_READ_TOKEN'),
  };
}

/** Passwords and codes go there, and sessions come from there. */
function secureUrl(source: Readonly<Record<string, string | undefined>>, name: string, what: string): string {
  const value = source[name] ?? '';
  const url = URL.parse(value);
  const isHere = url !== null && /^(?:localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(url.hostname);
  if (url?.protocol === 'https:' || (url?.protocol === 'http:' && isHere)) return value.replace(/\/$/, '');
  throw invalid(`Set ${name} to ${what}: an https URL, or an http one of this machine, not '${value}'.`);
}

/** Often of a network of one's own, in which TLS ends before the gateway. */
function httpUrl(value: string | undefined): string | undefined {
  if (value === undefined || /^https?:$/.test(URL.parse(value)?.protocol ?? '')) return value;
  throw invalid(`BANYAN_CONSOLE_GATEWAY takes the http or https URL of the gateway, not '${value}'.`);
}

function token(source: Readonly<Record<string, string | undefined>>, name: string): string | undefined {
  const value = source[name] || undefined;
  if (value === undefined || (value.length >= minTokenLength && /^\S+$/.test(value))) return value;
  throw invalid(`${name} takes ${minTokenLength} characters or more, without spaces.`);
}

export function signInAccess(settings: SignInSettings, logger: Logger): ConsoleAccess {
  const { publicUrl, issuer, clientId, clientSecret, operators, sendToken, readToken } = settings;
  return {
    kind: 'sign-in',
    async verify(given, request) {
      if (isSending(request)) return isSame(given, sendToken) ? { id: 'telemetry' } : undefined;
      return isReading(request) && isSame(given, readToken) ? { id: 'reader' } : undefined;
    },
    signIn: createOidcSignIn({
      ...{ publicUrl, issuer, clientId, clock: systemClock, logger },
      ...(clientSecret === undefined ? undefined : { clientSecret }),
      isOperator: (account) => operators.has(account),
    }),
  };
}

function isSending({ method, url = '' }: IncomingMessage): boolean {
  return method === 'POST' && url.startsWith('/v1/');
}

/** Assistants ask by POST, and can change nothing. */
function isReading({ method, url }: IncomingMessage): boolean {
  return method === 'GET' || method === 'HEAD' || (method === 'POST' && url === '/mcp');
}

/** By their digests, so that the time it takes says nothing of what was expected. */
function isSame(given: string, expected: string | undefined): boolean {
  const digest = (text: string) => createHash('sha256').update(text).digest();
  return expected !== undefined && timingSafeEqual(digest(given), digest(expected));
}
