/** Puts messages that arrive in parts together again, within a limit each and one for all. */
export interface MessageParts<Head> {
  /** The first part; false if too many messages are under way: the rest of this one is ignored. @throws Error if one with this id is under way */
  begin(id: number, head: Head, bytes: Uint8Array): boolean;
  /** The next part; returns the whole message with the last one, undefined before it and for ids that were dropped. */
  add(id: number, bytes: Uint8Array, isLast: boolean): WholeMessage<Head> | undefined;
  drop(id: number): void;
}

export interface WholeMessage<Head> {
  readonly head: Head;
  readonly length: number;
  /** Undefined if the message is longer than the limit, or all together are. */
  readonly bytes: Buffer | undefined;
}

export interface MessagePartsLimits {
  /** Of one message. */
  readonly maxBytes: number;
  /** Messages under way. Default: any number. */
  readonly maxMessages?: number;
  /** Of all messages under way. Default: any number. */
  readonly maxTotalBytes?: number;
}

interface Partial<Head> {
  readonly head: Head;
  pieces: Buffer[];
  keptBytes: number;
  /** Of what has arrived, kept or not. */
  length: number;
  isTooLong: boolean;
}

export function createMessageParts<Head>(limits: MessagePartsLimits): MessageParts<Head> {
  const { maxBytes, maxMessages = Infinity, maxTotalBytes = Infinity } = limits;
  const partials = new Map<number, Partial<Head>>();
  let totalBytes = 0;
  const forgetBytes = (partial: Partial<Head>) => {
    totalBytes -= partial.keptBytes;
    partial.keptBytes = 0;
    partial.pieces = [];
  };
  const addTo = (partial: Partial<Head>, bytes: Uint8Array) => {
    partial.length += bytes.length;
    partial.isTooLong ||= partial.length > maxBytes || totalBytes + bytes.length > maxTotalBytes;
    // Beyond a limit the rest is only counted, so that a refusal costs no memory. The copy frees the socket's large buffer.
    if (partial.isTooLong) return forgetBytes(partial);
    partial.pieces.push(Buffer.from(bytes));
    partial.keptBytes += bytes.length;
    totalBytes += bytes.length;
  };
  return {
    begin(id, head, bytes) {
      if (partials.has(id)) throw new Error(`Message ${id} began twice.`);
      if (partials.size >= maxMessages) return false;
      const partial = { head, pieces: [], keptBytes: 0, length: 0, isTooLong: false };
      partials.set(id, partial);
      addTo(partial, bytes);
      return true;
    },
    add(id, bytes, isLast) {
      const partial = partials.get(id);
      if (partial === undefined) return undefined;
      addTo(partial, bytes);
      if (!isLast) return undefined;
      partials.delete(id);
      const { head, pieces, length, isTooLong } = partial;
      const whole = isTooLong ? undefined : Buffer.concat(pieces, length);
      forgetBytes(partial);
      return { head, length, bytes: whole };
    },
    drop(id) {
      const partial = partials.get(id);
      if (partial === undefined) return;
      partials.delete(id);
      forgetBytes(partial);
    },
  };
}
