/** Type ids of the catalogue (pg_type). */
const textOid = 25;
const uuidOid = 2950;
const headerBytes = 20;
const uuidPattern = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

/**
 * The array in PostgreSQL's binary format (`array_send`), or undefined if its elements are not all of the kind. As text, every quote in every element would
 * have to be escaped here and found again by the server: for arrays of JSON texts that is most of the work.
 */
export function toBinaryArray(values: readonly unknown[], elementType: string): Buffer | undefined {
  if (elementType === 'text') return values.every(isString) ? fromTexts(values) : undefined;
  if (elementType === 'uuid') return values.every(isUuid) ? fromUuids(values) : undefined;
  return undefined;
}

function fromTexts(texts: readonly string[]): Buffer {
  const lengths = texts.map((text) => Buffer.byteLength(text));
  const buffer = allocate(
    textOid,
    texts.length,
    lengths.reduce((sum, length) => sum + length, 0),
  );
  let offset = headerBytes;
  for (let index = 0; index < texts.length; index++) {
    offset = buffer.writeInt32BE(lengths[index] as number, offset);
    offset += buffer.write(texts[index] as string, offset);
  }
  return buffer;
}

function fromUuids(uuids: readonly string[]): Buffer {
  const buffer = allocate(uuidOid, uuids.length, uuids.length * 16);
  let offset = headerBytes;
  for (const uuid of uuids) {
    offset = buffer.writeInt32BE(16, offset);
    offset += buffer.write(uuid.replaceAll('-', ''), offset, 'hex');
  }
  return buffer;
}

/** With its header: dimensions, no nulls, type of the elements, their number, first index. */
function allocate(elementOid: number, count: number, contentBytes: number): Buffer {
  const isEmpty = count === 0;
  const buffer = Buffer.allocUnsafe(isEmpty ? 12 : headerBytes + count * 4 + contentBytes);
  buffer.writeInt32BE(isEmpty ? 0 : 1, 0);
  buffer.writeInt32BE(0, 4);
  buffer.writeInt32BE(elementOid, 8);
  if (isEmpty) return buffer;
  buffer.writeInt32BE(count, 12);
  buffer.writeInt32BE(1, 16);
  return buffer;
}

function isString(value: unknown): value is string {
  return typeof value === 'string';
}

function isUuid(value: unknown): value is string {
  return typeof value === 'string' && uuidPattern.test(value);
}
