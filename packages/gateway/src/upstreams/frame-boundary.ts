/** Follows the frames of a WebSocket (RFC 6455, 5.2) as they pass, to know where one may be put in between. */
export interface FrameBoundary {
  /** Everything that has passed is whole frames. */
  readonly isBetween: boolean;
  pass(bytes: Buffer): void;
}

export function createFrameBoundary(): FrameBoundary {
  return new Boundary();
}

class Boundary implements FrameBoundary {
  /** Of the header: at most 14 bytes. */
  #header: number[] = [];
  /** Bytes of the payload that are still to come. */
  #left = 0;

  get isBetween(): boolean {
    return this.#header.length === 0 && this.#left === 0;
  }

  pass(bytes: Buffer): void {
    let offset = 0;
    while (offset < bytes.length) {
      if (this.#left > 0) {
        const passed = Math.min(this.#left, bytes.length - offset);
        this.#left -= passed;
        offset += passed;
        continue;
      }
      this.#header.push(bytes[offset] ?? 0);
      offset += 1;
      if (this.#header.length < headerLengthOf(this.#header)) continue;
      this.#left = payloadLengthOf(this.#header);
      this.#header = [];
    }
  }
}

function headerLengthOf(header: readonly number[]): number {
  const second = header[1];
  if (second === undefined) return 2;
  const length = second & 0x7f;
  return 2 + (length === 126 ? 2 : length === 127 ? 8 : 0) + ((second & 0x80) === 0 ? 0 : 4);
}

function payloadLengthOf(header: readonly number[]): number {
  const length = (header[1] ?? 0) & 0x7f;
  if (length < 126) return length;
  const bytes = header.slice(2, length === 126 ? 4 : 10);
  return bytes.reduce((value, byte) => value * 256 + byte, 0);
}
