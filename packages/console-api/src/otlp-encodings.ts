import type { ServerResponse } from 'node:http';
import { type ServiceError, toProblem } from '@banyan/core';
import { parseJson, writeProblem } from '@banyan/rpc';
import { decodeOtlp, encodeOtlpResponse, encodeOtlpStatus, type Signal } from '@banyan/telemetry-store';

/** What was not taken of a request. */
export interface Lost {
  readonly count: number;
  readonly why: string;
}

/** One form of OTLP's requests and answers: who asks in it is answered in it. */
export interface OtlpEncoding {
  readonly mediaType: string;
  /** @throws ServiceError `invalid_argument` */
  readonly read: (signal: Signal, body: Buffer) => unknown;
  readonly write: (signal: Signal, lost: Lost) => string | Uint8Array;
  readonly refuse: (response: ServerResponse, error: ServiceError) => void;
}

const maxDepth = 64;
/** Members of a partial success. */
const rejected: Readonly<Record<Signal, string>> = {
  spans: 'rejectedSpans',
  logs: 'rejectedLogRecords',
  metrics: 'rejectedDataPoints',
};

const jsonEncoding: OtlpEncoding = {
  mediaType: 'application/json',
  read: (_signal, body) => parseJson(body, maxDepth),
  write: (signal, { count, why }) =>
    JSON.stringify(
      count === 0 ? {} : { partialSuccess: { [rejected[signal]]: String(count), errorMessage: why } },
    ),
  refuse: writeProblem,
};

const protobufEncoding: OtlpEncoding = {
  mediaType: 'application/x-protobuf',
  read: decodeOtlp,
  write: (_signal, { count, why }) => encodeOtlpResponse(count, why),
  refuse: writeStatus,
};

/** The encoding that a content type asks for; undefined for none of OTLP's. */
export function otlpEncodingOf(contentType: string): OtlpEncoding | undefined {
  const [media = ''] = contentType.toLowerCase().split(';', 1);
  return [jsonEncoding, protobufEncoding].find(({ mediaType }) => mediaType === media.trim());
}

/** A refusal as `google.rpc.Status`, with the reason in front of its message. */
function writeStatus(response: ServerResponse, error: ServiceError): void {
  const { status, reason, detail, retryAfterMs } = toProblem(error);
  // What is still being sent is dropped: its sender would not look for the answer before.
  response.req.resume();
  if (retryAfterMs !== undefined) response.setHeader('retry-after', Math.ceil(retryAfterMs / 1_000));
  response
    .writeHead(status, { 'content-type': protobufEncoding.mediaType })
    .end(encodeOtlpStatus(`${reason}: ${detail}`));
}
