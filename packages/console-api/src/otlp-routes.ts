import type { IncomingMessage } from 'node:http';
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import { isServiceError, type Logger, ServiceError } from '@banyan/core';
import { type Route, readBody } from '@banyan/rpc';
import type { Receipt, Signal, TelemetryStore } from '@banyan/telemetry-store';
import type { Arrival, Target } from './api-routes.ts';
import { type Lost, type OtlpEncoding, otlpEncodingOf } from './otlp-encodings.ts';

const unzip = promisify(gunzip);

/** As they come, and unpacked. */
const maxBodyBytes = 8 * 1024 ** 2;
const maxUnpackedBytes = 32 * 1024 ** 2;
/** Requests that are read or unpacked at one time; more are asked to come again, so that memory is bounded. */
const maxAtOnce = 64;

const signals: readonly { readonly path: string; readonly signal: Signal }[] = [
  { path: '/v1/traces', signal: 'spans' },
  { path: '/v1/logs', signal: 'logs' },
  { path: '/v1/metrics', signal: 'metrics' },
];

/** OTLP over HTTP (https://opentelemetry.io/docs/specs/otlp/#otlphttp), JSON or protobuf, plain or with gzip. */
export function otlpRoutes(store: Pick<TelemetryStore, 'receive'>, logger: Logger): readonly Route<Target>[] {
  let active = 0;
  const take = async (signal: Signal, { request, response }: Arrival, encoding: OtlpEncoding) => {
    if (active >= maxAtOnce) throw tooMany();
    active += 1;
    try {
      const receipt = store.receive(signal, await readRequest(signal, request, encoding));
      if (receipt.refused > 0)
        logger.debug('telemetry was refused', { signal, refused: receipt.refused, reasons: receipt.reasons });
      if (receipt.taken === 0 && receipt.shed > 0) throw tooMany();
      response
        .writeHead(200, { 'content-type': encoding.mediaType })
        .end(encoding.write(signal, lostOf(receipt)));
    } finally {
      active -= 1;
    }
  };
  return signals.map(({ path, signal }) => ({
    method: 'POST',
    path,
    async target(arrival) {
      const encoding = encodingOf(arrival.request);
      try {
        await take(signal, arrival, encoding);
      } catch (error) {
        // What went wrong here is logged by the server, and nothing is said of it.
        if (!isServiceError(error) || error.code === 'internal') throw error;
        encoding.refuse(arrival.response, error);
      }
    },
  }));
}

function encodingOf({ headers }: IncomingMessage): OtlpEncoding {
  const { 'content-type': type } = headers;
  const encoding = type === undefined ? undefined : otlpEncodingOf(type);
  if (encoding === undefined)
    throw unsupported(`The body must be application/json or application/x-protobuf, not '${type ?? ''}'.`);
  return encoding;
}

async function readRequest(
  signal: Signal,
  request: IncomingMessage,
  encoding: OtlpEncoding,
): Promise<unknown> {
  const { 'content-encoding': packing = 'identity' } = request.headers;
  const check = () => {
    if (packing !== 'identity' && packing !== 'gzip')
      throw unsupported(`The body may be compressed with gzip, not '${packing}'.`);
  };
  const body = await readBody(request, { maxBytes: maxBodyBytes, check });
  // A request without items is empty in protobuf, and has no body.
  if (body === undefined) return {};
  return encoding.read(signal, packing === 'gzip' ? await unpack(body) : body);
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

/** Said as OTLP says it, as a success in part: sent again, the others would be there twice. */
function lostOf({ refused, shed, reasons }: Receipt): Lost {
  const why = [...reasons, ...(shed > 0 ? [`${shed} found no room in the queue`] : [])].join('; ');
  return { count: refused + shed, why };
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
