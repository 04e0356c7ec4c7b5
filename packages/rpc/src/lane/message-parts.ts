/** Puts messages that arrive in parts together again, within a limit each. */
export interface MessageParts<Head> {
  /** The first part. @throws Error if a message with this id is under way */
  begin(id: number, head: Head, bytes: Uint8Array): void;
  /** The next part; returns the whole message with the last one, undefined before it and for ids that were dropped. */
  add(id: number, bytes: Uint8Array, isLast: boolean): WholeMessage<Head> | undefined;
  drop(id: number): void;
}

export interface WholeMessage<Head> {
  readonly head: Head;
  /** Undefined if the message is longer than the limit. */
  readonly bytes: Buffer | undefined;
}

interface Partial<Head> {
  readonly head: Head;
  readonly pieces: Buffer[];
  length: number;
}

export function createMessageParts<Head>(maxBytes: number): MessageParts<Head> {
  const partials = new Map<number, Partial<Head>>();
  const addTo = (partial: Partial<Head>, bytes: Uint8Array) => {
    partial.length += bytes.length;
    // Beyond the limit the rest is only counted, so that a refusal costs no memory. The copy frees the socket's large buffer.
    if (partial.length <= maxBytes) partial.pieces.push(Buffer.from(bytes));
    else partial.pieces.length = 0;
  };
  return {
    begin(id, head, bytes) {
      if (partials.has(id)) throw new Error(`Message ${id} began twice.`);
      const partial = { head, pieces: [], length: 0 };
      partials.set(id, partial);
      addTo(partial, bytes);
    },
    add(id, bytes, isLast) {
      const partial = partials.get(id);
      if (partial === undefined) return undefined;
      addTo(partial, bytes);
      if (!isLast) return undefined;
      partials.delete(id);
      const { head, pieces, length } = partial;
      return { head, bytes: length <= maxBytes ? Buffer.concat(pieces, length) : undefined };
    },
    drop: (id) => partials.delete(id),
  };
}
