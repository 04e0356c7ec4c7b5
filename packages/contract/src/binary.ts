/** A byte stream in a contract: an upload (`upload: binary(...)`) or a download (`output: binary(...)`). */
export interface Binary {
  readonly kind: 'binary';
  /** Media types accepted or produced, such as `image/jpeg`; a trailing wildcard (`image/*`) is allowed for downloads. */
  readonly types: readonly string[];
  /** Largest accepted length in bytes. */
  readonly maxBytes: number;
}

const mediaType = /^[a-z0-9][a-z0-9!#$&^_.+-]*\/(?:\*|[a-z0-9][a-z0-9!#$&^_.+-]*)$/;

/** Declares a byte stream. `maxBytes` defaults to 10 MiB; uploads beyond it are refused with 413 as soon as it is known. */
export function binary(options: { readonly types: readonly string[]; readonly maxBytes?: number }): Binary {
  if (options.types.length === 0) throw new TypeError('binary(): name at least one media type in `types`.');
  const wrong = options.types.find((type) => !mediaType.test(type));
  if (wrong !== undefined) {
    throw new TypeError(`binary(): '${wrong}' is no media type; write it like 'image/jpeg' or 'image/*'.`);
  }
  const maxBytes = options.maxBytes ?? 10 * 1024 * 1024;
  if (!Number.isSafeInteger(maxBytes) || maxBytes < 1) {
    throw new TypeError('binary(): maxBytes must be a positive whole number of bytes.');
  }
  return { kind: 'binary', types: options.types, maxBytes };
}

export function isBinary(value: unknown): value is Binary {
  return typeof value === 'object' && value !== null && (value as { kind?: unknown }).kind === 'binary';
}

/** The bytes that come in with a call. Read `body` at most once; a stream that is not read is drained and discarded. */
export interface Upload {
  readonly contentType: string;
  /** Total length in bytes if the sender said so. */
  readonly length: number | undefined;
  readonly body: AsyncIterable<Uint8Array>;
}

/** The bytes that an operation answers with. */
export interface Download {
  readonly contentType: string;
  readonly length?: number;
  readonly body: AsyncIterable<Uint8Array> | Uint8Array;
  /** Strong validator without quotes; the HTTP side answers a matching `If-None-Match` with 304. */
  readonly etag?: string;
  /** `Cache-Control` of the response. Default `no-store`. */
  readonly cacheControl?: string;
  /** Suggested name if the user saves it. */
  readonly fileName?: string;
  /** `Last-Modified`, epoch milliseconds; HTTP carries whole seconds. */
  readonly lastModifiedMs?: number;
  /** Names of request headers that the answer depends on: `Vary` of the response. */
  readonly vary?: readonly string[];
  /**
   * True: the caller has this already, by a condition that the operation took from its `headers`; HTTP answers 304 and `body` is not
   * sent. False: it has not, whatever a condition says. Default: the HTTP side compares `etag` with `If-None-Match`.
   */
  readonly notModified?: boolean;
}
