import type { TraceContext } from '@banyan/core';
import { nextInt32, nextNonZeroInt32 } from './random.ts';

/** Length of the binary form: 16 bytes trace id, 8 bytes span id, 1 byte flags. */
export const traceByteLength = 25;

export const sampledFlag = 1;
/** W3C Trace Context level 2: the right-most seven bytes of the trace id are random. */
export const randomFlag = 2;
const knownFlags = sampledFlag | randomFlag;

/** The ids as 32-bit integers, big-endian order. Hex digits are made only when someone reads them. */
export class SpanTrace implements TraceContext {
  // Visible fields, so that `assert.deepEqual` of two traces compares them; only what is derived is hidden.
  readonly trace0: number;
  readonly trace1: number;
  readonly trace2: number;
  readonly trace3: number;
  readonly span0: number;
  readonly span1: number;
  readonly flags: number;
  #traceId: string | undefined = undefined;
  #spanId: string | undefined = undefined;

  // Seven parameters: every call of the system makes one of these, and an options object would be a second allocation.
  constructor(
    trace0: number,
    trace1: number,
    trace2: number,
    trace3: number,
    span0: number,
    span1: number,
    flags: number,
  ) {
    this.trace0 = trace0;
    this.trace1 = trace1;
    this.trace2 = trace2;
    this.trace3 = trace3;
    this.span0 = span0;
    this.span1 = span1;
    this.flags = flags;
  }

  get traceId(): string {
    this.#traceId ??= hex(this.trace0) + hex(this.trace1) + hex(this.trace2) + hex(this.trace3);
    return this.#traceId;
  }

  get spanId(): string {
    this.#spanId ??= hex(this.span0) + hex(this.span1);
    return this.#spanId;
  }

  get sampled(): boolean {
    return (this.flags & sampledFlag) !== 0;
  }

  toJSON(): TraceContext {
    return { traceId: this.traceId, spanId: this.spanId, sampled: this.sampled };
  }
}

/** Starts a trace: new random trace id and span id. Sampled unless told otherwise. */
export function createTrace(options?: { readonly sampled?: boolean }): TraceContext {
  const flags = options?.sampled === false ? randomFlag : knownFlags;
  return new SpanTrace(
    nextInt32(),
    nextInt32(),
    nextInt32(),
    nextNonZeroInt32(),
    nextInt32(),
    nextNonZeroInt32(),
    flags,
  );
}

/**
 * A new span of the parent's trace. Costs tens of nanoseconds; the ids become text when they are first read.
 * @throws TypeError if `parent` is no valid trace context
 */
export function childTrace(parent: TraceContext): TraceContext {
  const from = spanTraceOf(parent);
  return new SpanTrace(
    from.trace0,
    from.trace1,
    from.trace2,
    from.trace3,
    nextInt32(),
    nextNonZeroInt32(),
    from.flags,
  );
}

/** The `traceparent` header of W3C Trace Context level 2, version 00. */
export function formatTraceparent(trace: TraceContext): string {
  return `00-${trace.traceId}-${trace.spanId}-0${spanTraceOf(trace).flags}`;
}

/**
 * Reads a `traceparent` header; undefined for anything that the specification tells a receiver to ignore: wrong length, upper-case
 * digits, zero ids, version ff. Later versions are read as far as version 00 goes.
 * @see https://www.w3.org/TR/trace-context-2/
 */
export function parseTraceparent(header: string | undefined): TraceContext | undefined {
  if (typeof header !== 'string' || header.length < 55) return undefined;
  const version = hexAt(header, 0, 2);
  if (version < 0 || version === 0xff) return undefined;
  if (header.length > 55 && (version === 0 || header.charCodeAt(55) !== dash)) return undefined;
  if (header.charCodeAt(2) !== dash || header.charCodeAt(35) !== dash || header.charCodeAt(52) !== dash) {
    return undefined;
  }
  const flags = hexAt(header, 53, 2);
  return flags < 0 ? undefined : fromHex(header, 3, 36, flags & knownFlags);
}

/**
 * Writes the 25 bytes of `trace` at `offset`.
 * @throws RangeError if they do not fit
 */
export function writeTrace(trace: TraceContext, buffer: Uint8Array, offset: number): void {
  if (!hasRoom(buffer, offset)) {
    throw new RangeError(
      `writeTrace(): ${traceByteLength} bytes do not fit at ${offset} of ${buffer.length}.`,
    );
  }
  const from = spanTraceOf(trace);
  writeInt32(from.trace0, buffer, offset);
  writeInt32(from.trace1, buffer, offset + 4);
  writeInt32(from.trace2, buffer, offset + 8);
  writeInt32(from.trace3, buffer, offset + 12);
  writeInt32(from.span0, buffer, offset + 16);
  writeInt32(from.span1, buffer, offset + 20);
  buffer[offset + 24] = from.flags;
}

/** Reads what {@link writeTrace} wrote; undefined if fewer than 25 bytes are left or an id is zero. Keeps no reference to `buffer`. */
export function readTrace(buffer: Uint8Array, offset: number): TraceContext | undefined {
  if (!hasRoom(buffer, offset)) return undefined;
  return fromInts(
    readInt32(buffer, offset),
    readInt32(buffer, offset + 4),
    readInt32(buffer, offset + 8),
    readInt32(buffer, offset + 12),
    readInt32(buffer, offset + 16),
    readInt32(buffer, offset + 20),
    (buffer[offset + 24] ?? 0) & knownFlags,
  );
}

const dash = 0x2d;

export function spanTraceOf(trace: TraceContext): SpanTrace {
  return trace instanceof SpanTrace ? trace : adopt(trace);
}

/** A context that someone wrote by hand or got as JSON. */
function adopt(trace: TraceContext): SpanTrace {
  const { traceId, spanId, sampled } = trace;
  const adopted =
    typeof traceId === 'string' && traceId.length === 32 && typeof spanId === 'string' && spanId.length === 16
      ? fromHex(traceId + spanId, 0, 32, sampled ? sampledFlag : 0)
      : undefined;
  if (adopted === undefined) {
    throw new TypeError(
      'A trace context needs a traceId of 32 and a spanId of 16 lower-case hex digits, not all zero.',
    );
  }
  return adopted;
}

function fromInts(
  trace0: number,
  trace1: number,
  trace2: number,
  trace3: number,
  span0: number,
  span1: number,
  flags: number,
): SpanTrace | undefined {
  if ((trace0 | trace1 | trace2 | trace3) === 0 || (span0 | span1) === 0) return undefined;
  return new SpanTrace(trace0, trace1, trace2, trace3, span0, span1, flags);
}

function fromHex(text: string, traceAt: number, spanAt: number, flags: number): SpanTrace | undefined {
  const trace0 = hexAt(text, traceAt, 8);
  const trace1 = hexAt(text, traceAt + 8, 8);
  const trace2 = hexAt(text, traceAt + 16, 8);
  const trace3 = hexAt(text, traceAt + 24, 8);
  const span0 = hexAt(text, spanAt, 8);
  const span1 = hexAt(text, spanAt + 8, 8);
  if (trace0 < 0 || trace1 < 0 || trace2 < 0 || trace3 < 0 || span0 < 0 || span1 < 0) return undefined;
  return fromInts(trace0 | 0, trace1 | 0, trace2 | 0, trace3 | 0, span0 | 0, span1 | 0, flags);
}

/** The unsigned value of `length` lower-case hex digits, or -1. */
function hexAt(text: string, start: number, length: number): number {
  let value = 0;
  for (let index = start; index < start + length; index += 1) {
    const code = text.charCodeAt(index);
    if (code >= 0x30 && code <= 0x39) value = value * 16 + code - 0x30;
    else if (code >= 0x61 && code <= 0x66) value = value * 16 + code - 0x57;
    else return -1;
  }
  return value;
}

// Four times as fast as `toString(16).padStart(8, '0')`.
const hexOfByte: readonly string[] = Array.from({ length: 256 }, (_, byte) =>
  byte.toString(16).padStart(2, '0'),
);

function hex(value: number): string {
  return (
    (hexOfByte[value >>> 24] ?? '') +
    (hexOfByte[(value >>> 16) & 0xff] ?? '') +
    (hexOfByte[(value >>> 8) & 0xff] ?? '') +
    (hexOfByte[value & 0xff] ?? '')
  );
}

/** 16 hex digits of a span id. */
export function hexOf(span0: number, span1: number): string {
  return hex(span0) + hex(span1);
}

function hasRoom(buffer: Uint8Array, offset: number): boolean {
  return Number.isInteger(offset) && offset >= 0 && offset + traceByteLength <= buffer.length;
}

function writeInt32(value: number, buffer: Uint8Array, offset: number): void {
  buffer[offset] = value >>> 24;
  buffer[offset + 1] = value >>> 16;
  buffer[offset + 2] = value >>> 8;
  buffer[offset + 3] = value;
}

function readInt32(buffer: Uint8Array, offset: number): number {
  return (
    ((buffer[offset] ?? 0) << 24) |
    ((buffer[offset + 1] ?? 0) << 16) |
    ((buffer[offset + 2] ?? 0) << 8) |
    (buffer[offset + 3] ?? 0)
  );
}
