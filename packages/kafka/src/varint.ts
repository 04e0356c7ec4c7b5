/** Most bytes of a variable-length number up to 2^53. */
export const maxVarintBytes = 8;

/** Writes a number as Kafka's records have it (zigzag, seven bits a byte, low ones first); returns where it ends. */
export function writeVarint(target: Buffer, value: number, at: number): number {
  let rest = value >= 0 ? value * 2 : -value * 2 - 1;
  let end = at;
  // Not by shifts: times and their differences have more than 32 bits.
  while (rest >= 0x80) {
    target[end++] = (rest % 0x80) + 0x80;
    rest = Math.floor(rest / 0x80);
  }
  target[end++] = rest;
  return end;
}
