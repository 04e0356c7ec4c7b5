import type { IncomingHttpHeaders as Http1Headers } from 'node:http';
import {
  constants,
  Http2ServerRequest,
  Http2ServerResponse,
  type IncomingHttpHeaders,
  type OutgoingHttpHeaders,
  type ServerHttp2Stream,
} from 'node:http2';
import type { ReadableOptions } from 'node:stream';

/** A request of HTTP/2 with the two things that HTTP/1.1 says in fields: for which host it is, and that it has a body of unknown length. */
export class UniformRequest extends Http2ServerRequest {
  constructor(
    stream: ServerHttp2Stream,
    headers: IncomingHttpHeaders,
    options: ReadableOptions,
    rawHeaders: readonly string[],
  ) {
    super(stream, headers, options, rawHeaders);
    const fields = headers as Http1Headers & IncomingHttpHeaders;
    const authority = headers[':authority'];
    if (authority !== undefined && fields.host === undefined) fields.host = authority;
    // No client can say this in HTTP/2 (RFC 9113, 8.2.2), so that here it means what it says.
    if (fields['content-length'] === undefined && !stream.endAfterHeaders)
      fields['transfer-encoding'] = 'chunked';
  }
}

/** An answer that takes the flat lists of fields that the gateway writes, and says of itself what an answer of HTTP/1.1 does. */
export class UniformResponse extends Http2ServerResponse {
  /** Bytes of the body that were written; those of the head are the connection's, which others share. */
  bodyBytes = 0;
  /** The gateway itself has cut it off. */
  isGivenUp = false;

  constructor(stream: ServerHttp2Stream) {
    super(stream);
    // The types say that they are there.
    Object.defineProperty(this, 'destroyed', { get: () => stream.destroyed });
    Object.defineProperty(this, 'writableFinished', {
      get: () => stream.headersSent && stream.writableFinished,
    });
  }

  // `end` writes its last chunk with it.
  override write(
    chunk: string | Uint8Array,
    encoding?: BufferEncoding | ((error: Error) => void),
    callback?: (error: Error) => void,
  ): boolean {
    if (this.req.method !== 'HEAD')
      this.bodyBytes +=
        typeof chunk === 'string' ? Buffer.byteLength(chunk, textEncoding(encoding)) : chunk.byteLength;
    return super.write(chunk, encoding as BufferEncoding, callback);
  }

  /** Cuts the answer off. Without a reason of its own a stream ends as if nothing were missing. */
  override destroy(error?: Error): this {
    this.isGivenUp = true;
    this.stream.close(constants.NGHTTP2_INTERNAL_ERROR);
    super.destroy(error);
    return this;
  }

  override writeHead(
    status: number,
    ...rest: readonly [(string | OutgoingHttpHeaders | readonly string[])?, OutgoingHttpHeaders?]
  ): this {
    const [first] = rest;
    const fields = Array.isArray(first)
      ? toFields(first as readonly string[])
      : (rest.at(-1) as OutgoingHttpHeaders);
    return super.writeHead(status, fields ?? {}) as this;
  }
}

function textEncoding(encoding: unknown): BufferEncoding {
  return typeof encoding === 'string' ? (encoding as BufferEncoding) : 'utf8';
}

function toFields(flat: readonly string[]): OutgoingHttpHeaders {
  const fields: Record<string, string | string[]> = {};
  for (let index = 0; index < flat.length; index += 2) {
    const name = (flat[index] ?? '').toLowerCase();
    const value = flat[index + 1] ?? '';
    const before = fields[name];
    // Of the connection, which HTTP/2 manages by itself.
    if (name === 'connection' || name === 'keep-alive' || name === 'transfer-encoding') continue;
    if (before === undefined) fields[name] = value;
    else fields[name] = name === 'set-cookie' ? [before, value].flat() : `${String(before)}, ${value}`;
  }
  return fields;
}
