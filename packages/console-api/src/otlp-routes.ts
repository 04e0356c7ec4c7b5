import type { IncomingMessage } from 'node:http';
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import { type Logger, ServiceError } from '@banyan/core';
import { parseJson, type Route, readBody } from '@banyan/rpc';
import type { Receipt, Signal, TelemetryStore } from '@banyan/telemetry-store';
import type { Arrival, Target } from './api-routes.ts';

const unzip = promisify(gunzip);

/** As they come, and unpacked. */
const maxBodyBytes = 8 * 1024 ** 2;
const maxUnpackedBytes = 32 * 1024 ** 2;
const maxDepth = 64;
/** Requests that are read or unpacked at one time; more are asked to come again, so that memory is bounded. */
const maxAtOnce = 64;

const signals: readonly {
  readonly path: string;
  readonly signal: Signal;
  /** Member of a partial success. */
  readonly rejected: string;
}[] = [
  { path: '/v1/traces', signal: 'spans', rejected: 'rejectedSpans' },
  { path: '/v1/logs', signal: 'logs', rejected: 'rejectedLogRecords' },
  { path: '/v1/metrics', signal: 'metrics', rejected: 'rejectedDataPoints' },
];

/** OTLP over HTTP (https://opentelemetry.io/docs/specs/otlp/#otlphttp), JSON, plain or with gzip. */
export function otlpRoutes(store: Pick<TelemetryStore, 'receive'>, logger: Logger): readonly Route<Target>[] {
  let active = 0;
  return signals.map(({ path, signal, rejected }) => ({
    method: 'POST',
    path,
    async target(arrival) {
      if (active >= maxAtOnce) throw tooMany();
      active += 1;
      try {
        const receipt = store.receive(signal, await readRequest(arrival.request));
        if (receipt.refused > 0)
          logger.debug('telemetry was refused', {
            signal,
            refused: receipt.refused,
            reasons: receipt.reasons,
          });
        if (receipt.taken === 0 && receipt.shed > 0) throw tooMany();
        answer(arrival, receipt, rejected);
      } finally {
        active -= 1;
      }
    },
  }));
}

async function readRequest(request: IncomingMessage): Promise<unknown> {
  const { 'content-type': type = '', 'content-encoding': encoding = 'identity' } = request.headers;
  const check = () => {
    const [media = ''] = type.toLowerCase().split(';', 1);
    if (media.trim() !== 'application/json')
      throw unsupported(`The body must be application/json, not '${type}'.`);
    if (encoding !== 'identity' && encoding !== 'gzip')
      throw unsupported(`The body may be compressed with gzip, not '${encoding}'.`);
  };
  const body = await readBody(request, { maxBytes: maxBodyBytes, check });
  if (body === undefined) return {};
  return parseJson(encoding === 'gzip' ? await unpack(body) : body, maxDepth);
}

async function unpack(body: Buffer): Promise<Buffer> {
  try {
    return await unzip(body, { maxOutputLength: maxUnpackedBytes });
  } catch (cause) {
    const isTooLarge = (cause as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE';
    throw new ServiceError(
      isTooLarge
        ? `The unpacked body may have at most ${maxUnpackedBytes} bytes.`
        : 'The body is no valid gzip.',
      {
        code: 'invalid_argument',
        reason: isTooLarge ? 'body_too_large' : 'malformed_gzip',
        ...(isTooLarge ? { status: 413 } : undefined),
        cause,
      },
    );
  }
}

/** What was not taken of a request that was taken in part is said as OTLP says it: sent again, the others would be there twice. */
function answer({ response }: Arrival, { refused, shed, reasons }: Receipt, rejected: string): void {
  const lost = refused + shed;
  const why = [...reasons, ...(shed > 0 ? [`${shed} found no room in the queue`] : [])].join('; ');
  const body = JSON.stringify(
    lost === 0 ? {} : { partialSuccess: { [rejected]: String(lost), errorMessage: why } },
  );
  response.writeHead(200, { 'content-type': 'application/json' }).end(body);
}

function unsupported(message: string): ServiceError {
  return new ServiceError(message, {
    code: 'invalid_argument',
    reason: 'unsupported_media_type',
    status: 415,
  });
}

function tooMany(): ServiceError {
  return new ServiceError('Too much telemetry at once; send it again soon.', {
    code: 'resource_exhausted',
    reason: 'too_much_telemetry',
    retryAfterMs: 1_000,
  });
}
