import type { Duplex } from 'node:stream';
import { type ErrorCode, ServiceError, toProblem } from '@banyan/core';

interface ParserError extends Error {
  readonly code?: string;
}

/** Answers what is not an HTTP request, as far as the connection still can be answered. For the server's `clientError`. */
export function answerClientError(error: ParserError, socket: Duplex): void {
  if (!socket.writable || error.code === 'ECONNRESET') {
    socket.destroy();
    return;
  }
  const { status, phrase, code } = statusOf(error.code);
  const reason = 'malformed_request';
  const body = JSON.stringify(toProblem(new ServiceError(`${phrase}.`, { code, reason, status })));
  const head = `HTTP/1.1 ${status} ${phrase}\r\ncontent-type: application/problem+json\r\n`;
  socket.end(`${head}content-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${body}`);
  // Some clients never close their side.
  socket.once('finish', () => socket.destroy());
}

function statusOf(parserCode: string | undefined): { status: number; phrase: string; code: ErrorCode } {
  if (parserCode === 'HPE_HEADER_OVERFLOW') {
    return { status: 431, phrase: 'Request Header Fields Too Large', code: 'invalid_argument' };
  }
  if (parserCode === 'ERR_HTTP_REQUEST_TIMEOUT') {
    return { status: 408, phrase: 'Request Timeout', code: 'deadline_exceeded' };
  }
  return { status: 400, phrase: 'Bad Request', code: 'invalid_argument' };
}
