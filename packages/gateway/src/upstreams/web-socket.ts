import { createHash } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { ServiceError } from '@banyan/core';
import { hasBody } from '../framing.ts';
import { hostOf } from './request-head.ts';
import type { ResponseHead } from './response-head.ts';

/** Whose WebSockets are passed on, and how many. */
export interface WebSocketOptions {
  /** Origins whose pages may connect, beside the gateway's own. Programs that are no browsers say none, and may. */
  readonly origins?: readonly string[];
  /** Open at once, or being opened. Default 1,000. */
  readonly maxOpen?: number;
  /** The same for one client address. Default 256; raise it behind a proxy, where all clients share an address. */
  readonly maxOpenPerClient?: number;
  /** Without a byte in either direction, for longer than pings of either side are apart. Default 300,000. */
  readonly idleTimeoutMs?: number;
}

/** True if `request` asks to become a WebSocket (RFC 6455, 4.1), whether well or badly. */
export function asksForWebSocket({ headers }: IncomingMessage): boolean {
  return headers.upgrade?.toLowerCase() === 'websocket';
}

/** @throws ServiceError `invalid_argument` `invalid_upgrade`; `permission_denied` `foreign_origin` */
export function checkWebSocketRequest(request: IncomingMessage, origins: readonly string[]): void {
  const { method, httpVersion, headers } = request;
  const key = headers['sec-websocket-key'];
  const isOne =
    method === 'GET' &&
    httpVersion === '1.1' &&
    !hasBody(request) &&
    headers['sec-websocket-version'] === '13' &&
    typeof key === 'string' &&
    /^[A-Za-z0-9+/]{22}==$/.test(key);
  if (!isOne) {
    throw new ServiceError('This is no request for a WebSocket of version 13.', {
      code: 'invalid_argument',
      reason: 'invalid_upgrade',
    });
  }
  const { origin } = headers;
  // Only browsers could be led here by a foreign page, and they always say from where.
  if (origin === undefined || origins.includes(origin)) return;
  if (URL.canParse(origin) && new URL(origin).host === hostOf(request)) return;
  throw new ServiceError('Pages of this origin may not open WebSockets here.', {
    code: 'permission_denied',
    reason: 'foreign_origin',
  });
}

/** True if the upstream has really understood the request, and does not just answer anything with 101 (RFC 6455, 4.1). */
export function isAccepted(head: ResponseHead, request: IncomingMessage): boolean {
  const expected = createHash('sha1')
    .update(`${String(request.headers['sec-websocket-key'])}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`)
    .digest('base64');
  return (
    fieldOf(head, 'upgrade')?.toLowerCase() === 'websocket' &&
    head.named.has('upgrade') &&
    fieldOf(head, 'sec-websocket-accept') === expected
  );
}

/** Undefined if the field is missing or there are several. */
function fieldOf({ fields }: ResponseHead, name: string): string | undefined {
  const values = fields.filter((_, index) => index % 2 === 1 && fields[index - 1] === name);
  return values.length === 1 ? values[0] : undefined;
}
