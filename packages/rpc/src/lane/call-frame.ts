import type { TraceContext } from '@banyan/core';
import { readTrace, traceByteLength, writeTrace } from '@banyan/telemetry';
import { isIdempotencyKey } from '../idempotency-key.ts';
import { frameFlag, readUint16, readUint32, writeUint16, writeUint32 } from './frame.ts';
import type { Frame } from './frame-reader.ts';

/** What stands before the input in a call frame. */
export interface CallHead {
  /** Number in the callee's hello. */
  readonly operation: number;
  readonly remainingMs: number;
  readonly trace: TraceContext | undefined;
  /** Number of a user assertion on this link. */
  readonly user: number | undefined;
  readonly idempotencyKey: string | undefined;
}

const fixedBytes = 6 + traceByteLength;

/** The frame flags that say which optional fields a head has. */
export function callFlags(head: CallHead): number {
  return (
    (head.user === undefined ? 0 : frameFlag.user) | (head.idempotencyKey === undefined ? 0 : frameFlag.key)
  );
}

/** Writes a head at the start of `bytes`; returns its length. */
export function writeCallHead(head: CallHead, trace: TraceContext, bytes: Buffer): number {
  writeUint16(head.operation, bytes, 0);
  writeUint32(head.remainingMs, bytes, 2);
  writeTrace(trace, bytes, 6);
  let length = fixedBytes;
  if (head.user !== undefined) {
    writeUint16(head.user, bytes, length);
    length += 2;
  }
  if (head.idempotencyKey !== undefined) {
    const keyBytes = bytes.write(head.idempotencyKey, length + 1, 'latin1');
    bytes[length] = keyBytes;
    length += 1 + keyBytes;
  }
  return length;
}

/**
 * Reads a call frame's head; `bodyStart` is where the input begins.
 * @throws Error if the frame is too short for what its flags announce, or the key is none
 */
export function readCallHead(frame: Frame): { readonly head: CallHead; readonly bodyStart: number } {
  const { bytes, start, end, flags } = frame;
  let at = start + fixedBytes;
  if (at > end) throw tooShort();
  let user: number | undefined;
  if ((flags & frameFlag.user) !== 0) {
    user = readUint16(bytes, at);
    at += 2;
  }
  let idempotencyKey: string | undefined;
  if ((flags & frameFlag.key) !== 0) {
    const keyEnd = at + 1 + (bytes[at] ?? 0);
    if (at >= end || keyEnd > end) throw tooShort();
    idempotencyKey = bytes.toString('latin1', at + 1, keyEnd);
    if (!isIdempotencyKey(idempotencyKey)) throw new Error('An idempotency key holds control characters.');
    at = keyEnd;
  }
  if (at > end) throw tooShort();
  const head = {
    operation: readUint16(bytes, start),
    remainingMs: readUint32(bytes, start + 2),
    trace: readTrace(bytes, start + 6),
    user,
    idempotencyKey,
  };
  return { head, bodyStart: at };
}

function tooShort(): Error {
  return new Error('A call frame ends before its head does.');
}
