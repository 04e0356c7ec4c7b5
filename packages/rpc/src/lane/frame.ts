/**
 * The lane's frames: length (4 bytes, big-endian, of what follows it), type, flags, call id (4 bytes), payload. Small on
 * purpose: everything that is the same for many calls (operation names, user assertions) is sent once and then by number.
 */
export const laneProtocol = 'banyan-lane/1';

/** Type, flags and call id. */
export const headBytes = 6;
/** Length field and head. */
export const prefixBytes = 4 + headBytes;
/** Longer payloads travel in parts, so that they let others through. */
export const maxPartBytes = 32_768;
/** No honest frame is longer: a part, and what stands before the first one. */
export const maxFrameBytes = headBytes + maxPartBytes + 1_024;

export const frameType = {
  /** Caller → callee: operation, remaining time, trace, user, key, JSON input. */
  call: 1,
  /** Either way: the next part of a message that was too long for one frame. */
  part: 2,
  /** Caller → callee: nobody waits for this call any more. */
  cancel: 3,
  /** Caller → callee: I am here; are you? */
  ping: 4,
  /** Caller → callee: a fresh service token. */
  token: 5,
  /** Caller → callee: the user assertion that this number stands for from now on. */
  user: 6,
  /** Callee → caller, first: JSON with the operations by number. */
  hello: 7,
  /** Callee → caller: JSON output. */
  result: 8,
  /** Callee → caller: JSON problem details. */
  problem: 9,
  pong: 10,
  /** Callee → caller: make no new calls on this link. */
  goaway: 11,
} as const;

export const frameFlag = {
  /** Parts follow. */
  more: 1,
  /** The call names a user by number. */
  user: 2,
  /** The call carries an idempotency key. */
  key: 4,
} as const;

/** What the callee says first. */
export interface Hello {
  /** Names by number; operations with byte streams are not among them, they go over HTTP. */
  readonly operations: readonly string[];
  readonly contractVersion: string;
  readonly maxMessageBytes: number;
}

export function writeUint32(value: number, bytes: Uint8Array, offset: number): void {
  bytes[offset] = value >>> 24;
  bytes[offset + 1] = value >>> 16;
  bytes[offset + 2] = value >>> 8;
  bytes[offset + 3] = value;
}

export function readUint32(bytes: Uint8Array, offset: number): number {
  const high = (bytes[offset] ?? 0) * 0x1000000;
  return (
    high + (((bytes[offset + 1] ?? 0) << 16) | ((bytes[offset + 2] ?? 0) << 8) | (bytes[offset + 3] ?? 0))
  );
}

export function writeUint16(value: number, bytes: Uint8Array, offset: number): void {
  bytes[offset] = value >>> 8;
  bytes[offset + 1] = value;
}

export function readUint16(bytes: Uint8Array, offset: number): number {
  return ((bytes[offset] ?? 0) << 8) | (bytes[offset + 1] ?? 0);
}
