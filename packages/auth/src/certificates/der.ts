/** Writers for the few parts of DER (ITU-T X.690) that a certificate is made of. Nothing here reads DER: that is left to OpenSSL. */

const tags = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  objectIdentifier: 0x06,
  utf8String: 0x0c,
  utcTime: 0x17,
  generalizedTime: 0x18,
  sequence: 0x30,
  set: 0x31,
} as const;

export function sequence(...parts: readonly Uint8Array[]): Buffer {
  return tagged(tags.sequence, Buffer.concat(parts));
}

export function set(...parts: readonly Uint8Array[]): Buffer {
  return tagged(tags.set, Buffer.concat(parts));
}

/** An unsigned number, most significant byte first. */
export function integer(bytes: Uint8Array): Buffer {
  const start = bytes.findIndex((byte) => byte !== 0);
  const digits = start === -1 ? Buffer.of(0) : Buffer.from(bytes.subarray(start));
  // A first bit of 1 would make it negative.
  return tagged(tags.integer, (digits[0] ?? 0) < 0x80 ? digits : Buffer.concat([Buffer.of(0), digits]));
}

export function boolean(value: boolean): Buffer {
  return tagged(tags.boolean, Buffer.of(value ? 0xff : 0));
}

/** @param unusedBits how many of the last bits do not count, 0 to 7 */
export function bitString(bytes: Uint8Array, unusedBits = 0): Buffer {
  return tagged(tags.bitString, Buffer.concat([Buffer.of(unusedBits), bytes]));
}

export function octetString(bytes: Uint8Array): Buffer {
  return tagged(tags.octetString, bytes);
}

export function utf8String(text: string): Buffer {
  return tagged(tags.utf8String, Buffer.from(text, 'utf8'));
}

/** To the second, UTC; with two digits of the year until 2049, as RFC 5280, 4.1.2.5 wants it. */
export function time(epochMs: number): Buffer {
  const digits = new Date(epochMs).toISOString().replaceAll(/[-:T]|\.\d+/g, '');
  const isShort = new Date(epochMs).getUTCFullYear() < 2050;
  return isShort
    ? tagged(tags.utcTime, Buffer.from(digits.slice(2), 'ascii'))
    : tagged(tags.generalizedTime, Buffer.from(digits, 'ascii'));
}

/** `'2.5.29.17'` */
export function objectIdentifier(dotted: string): Buffer {
  const [first = 0, second = 0, ...rest] = dotted.split('.').map(Number);
  return tagged(tags.objectIdentifier, Buffer.from([first * 40 + second, ...rest.flatMap(base128)]));
}

/** A context-specific tag: `[number]` in ASN.1, constructed if it holds other elements. */
export function context(number: number, content: Uint8Array, isConstructed: boolean): Buffer {
  return tagged((isConstructed ? 0xa0 : 0x80) | number, content);
}

function tagged(tag: number, content: Uint8Array): Buffer {
  return Buffer.concat([Buffer.of(tag), lengthOf(content.length), content]);
}

function lengthOf(length: number): Buffer {
  if (length < 0x80) return Buffer.of(length);
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(length);
  const digits = bytes.subarray(bytes.findIndex((byte) => byte !== 0));
  return Buffer.concat([Buffer.of(0x80 | digits.length), digits]);
}

/** Seven bits a byte, all but the last with the high bit set. */
function base128(number: number): number[] {
  const digits = [number & 0x7f];
  for (let rest = number >>> 7; rest > 0; rest >>>= 7) digits.unshift(0x80 | (rest & 0x7f));
  return digits;
}
