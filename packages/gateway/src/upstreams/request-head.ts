import type { IncomingMessage } from 'node:http';
import { ServiceError } from '@banyan/core';
import { childTrace, formatTraceparent } from '@banyan/telemetry';
import type { Exchange } from '../exchange.ts';
import { hasBody } from '../framing.ts';
import { withoutSession } from '../session-cookie.ts';
import { namedByConnection, requestFieldRule } from './field-rules.ts';

/** How the head of a forwarded request is made from that of a client. */
export interface RequestHeadOptions {
  /** Length of the part of the path that the upstream does not get to see. */
  readonly strip: number;
  readonly keepHost: boolean;
  /** Value of `Authorization`; undefined for none. */
  readonly authorization: string | undefined;
  /** Value of `Upgrade`; undefined for an ordinary request. */
  readonly upgrade: string | undefined;
}

/** RFC 3986, 3.4: a fragment has no place in a request. */
const querySyntax = /^[\w.~!$&'()*+,;=:@/?%"<>[\]\\^`{|}-]*$/;
/** Methods whose requests mean something by having no body (RFC 9110, 8.6). */
const expectsBody: ReadonlySet<string> = new Set(['POST', 'PUT', 'PATCH']);

/**
 * The head of the forwarded request but for its `Host`, as text in latin1. What the client says about itself, its way and its rights is not in it: all that is
 * said anew, in fields that are written after those of the client were filtered.
 */
export function createRequestHead(exchange: Exchange, options: RequestHeadOptions): (host: string) => string {
  const { request, trace, path, query } = exchange;
  const { rawHeaders, headers, method = '' } = request;
  if (!querySyntax.test(query)) throw invalidQuery();
  const target = `${path.slice(options.strip) || '/'}${query === '' ? '' : `?${query}`}`;
  const named = namedByConnection(headers.connection);
  let fields = '';
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = rawHeaders[index] ?? '';
    if (requestFieldRule(name) === 'drop' || name.startsWith(':')) continue;
    if (named.size > 0 && named.has(name.toLowerCase())) continue;
    fields += `${name}: ${rawHeaders[index + 1]}\r\n`;
  }
  const cookie = named.has('cookie') ? undefined : withoutSession(headers.cookie);
  if (cookie !== undefined) fields += `cookie: ${cookie}\r\n`;
  if (options.authorization !== undefined) fields += `authorization: ${options.authorization}\r\n`;
  const asked = hostOf(request);
  fields += introductionOf(exchange, asked);
  fields += `via: ${request.httpVersion} banyan\r\ntraceparent: ${formatTraceparent(childTrace(trace))}\r\n`;
  fields += framingOf(request, options.upgrade);
  const line = `${method} ${target} HTTP/1.1\r\nhost: `;
  return (host) => `${line}${options.keepHost ? asked : host}\r\n${fields}\r\n`;
}

/** Kept, because the requests of one connection hardly differ in them. */
function introductionOf({ connection, address, scheme }: Exchange, host: string): string {
  const known = connection.introduction;
  if (known !== undefined && known.host === host && known.address === address && known.scheme === scheme)
    return known.fields;
  const node = address.includes(':') ? `"[${address}]"` : address;
  const text =
    `forwarded: for=${node};host="${host}";proto=${scheme}\r\n` +
    `x-forwarded-for: ${address}\r\nx-forwarded-host: ${host}\r\nx-forwarded-proto: ${scheme}\r\n`;
  // By way of bytes V8 makes one piece of it, which would be put together anew for each request otherwise.
  const fields = Buffer.from(text, 'latin1').toString('latin1');
  connection.introduction = { address, host, scheme, fields };
  return fields;
}

/** Whom the client means to speak to; its syntax has been checked. */
export function hostOf({ headers }: IncomingMessage): string {
  return headers.host ?? '';
}

function framingOf(request: IncomingMessage, upgrade: string | undefined): string {
  const { headers, method = '' } = request;
  if (upgrade !== undefined) return `connection: upgrade\r\nupgrade: ${upgrade}\r\n`;
  const length = headers['content-length'];
  if (length !== undefined) return `content-length: ${length}\r\n`;
  if (hasBody(request)) return 'transfer-encoding: chunked\r\n';
  return expectsBody.has(method) ? 'content-length: 0\r\n' : '';
}

function invalidQuery(): ServiceError {
  return new ServiceError('The query has characters that do not belong there.', {
    code: 'invalid_argument',
    reason: 'invalid_path',
  });
}
