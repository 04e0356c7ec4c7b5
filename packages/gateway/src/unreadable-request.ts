import { ServiceError, toProblem } from '@banyan/core';
import type { Connection } from './connections.ts';
import type { Exchange } from './exchange.ts';
import { headersTooLarge } from './framing.ts';
import { securityHeaders } from './security-headers.ts';

/** What Node's parser reports: its code, and the bytes that it was given last. */
export interface UnreadableError extends Error {
  readonly code?: string;
  readonly rawPacket?: Buffer;
}

/**
 * Answers what Node's parser could not read, and closes the connection: where the next request would begin, nobody can know.
 * Requests before it on the same connection get their answers first.
 */
export function answerUnreadable(
  error: UnreadableError,
  connection: Connection,
  exchanges: Iterable<Exchange>,
): void {
  const { socket } = connection;
  const pending = [...exchanges].filter((exchange) => exchange.connection === connection);
  const last = pending.at(-1);
  connection.isClosing = true;
  if (last?.request.complete) {
    last.response.on('close', () => socket.destroySoon());
    return;
  }
  const before = pending.at(-2);
  if (last !== undefined && before !== undefined) {
    // Those before it have been accepted, and get their answers; its own one stands in the queue behind them.
    if (!last.response.headersSent) last.refuse(problemOf(error.code));
    const end = last.response.writableEnded ? last : before;
    end.response.on('close', () => socket.destroySoon());
    return;
  }
  // The body of the last one is what cannot be read, or the head of a new one. An answer that has begun cannot be taken back.
  if (socket.writable && pending.length < 2 && last?.response.headersSent !== true)
    socket.end(rawAnswer(error));
  socket.destroySoon();
}

function rawAnswer(error: UnreadableError): string {
  const problem = toProblem(problemOf(error.code));
  const body = JSON.stringify(problem);
  let head = `HTTP/1.1 ${problem.status} ${problem.title}\r\n`;
  const { api } = securityHeaders;
  for (let index = 0; index < api.length; index += 2) head += `${api[index]}: ${api[index + 1]}\r\n`;
  head += 'cache-control: no-store\r\ncontent-type: application/problem+json\r\nconnection: close\r\n';
  return `${head}content-length: ${Buffer.byteLength(body)}\r\n\r\n${isHead(error) ? '' : body}`;
}

/** A client that asked with HEAD takes body bytes for the start of another answer. */
function isHead({ rawPacket }: UnreadableError): boolean {
  return rawPacket?.subarray(0, 5).toString('latin1') === 'HEAD ';
}

function problemOf(code: string | undefined): ServiceError {
  if (code === 'HPE_HEADER_OVERFLOW') {
    return headersTooLarge();
  }
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') {
    return new ServiceError('The request did not arrive in time.', {
      code: 'deadline_exceeded',
      reason: 'request_timeout',
      status: 408,
    });
  }
  return new ServiceError('This is not a valid HTTP/1.1 request.', {
    code: 'invalid_argument',
    reason: 'malformed_request',
  });
}
