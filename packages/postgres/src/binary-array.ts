/** Type ids of the catalogue (pg_type). */
const textOid = 25;
const uuidOid = 2950;
const headerBytes = 20;
const hasNullsOffset = 4;
const nullLength = -1;
const uuidPattern = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

/**
 * The array in PostgreSQL's binary format (`array_send`), or undefined if its elements are not all of the kind. As text, every quote in every element would
 * have to be escaped here and found again by the server: for arrays of JSON texts that is most of the work.
 */
export function toBinaryArray(values: readonly unknown[], elementType: string): Buffer | undefined {
  if (elementType === 'text') return values.every(isText) ? fromTexts(values) : undefined;
  if (elementType === 'uuid') return values.every(isUuid) ? fromUuids(values) : undefined;
  return undefined;
}

function fromTexts(texts: readonly (string | null)[]): Buffer {
  const bytes = texts.reduce((sum, text) => sum + (text === null ? 0 : Buffer.byteLength(text)), 0);
  const buffer = allocate(textOid, texts.length, bytes);
  let offset = headerBytes;
  for (const text of texts) {
    const length = text === null ? nullLength : buffer.write(text, offset + 4);
    buffer.writeInt32BE(length, offset);
    offset += 4 + Math.max(0, length);
    if (text === null) buffer.writeInt32BE(1, hasNullsOffset);
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

/** With its header: dimensions, no nulls so far, type of the elements, their number, first index. */
function allocate(elementOid: number, count: number, contentBytes: number): Buffer {
  const isEmpty = count === 0;
  const buffer = Buffer.allocUnsafe(isEmpty ? 12 : headerBytes + count * 4 + contentBytes);
  buffer.writeInt32BE(isEmpty ? 0 : 1, 0);
  buffer.writeInt32BE(0, hasNullsOffset);
  buffer.writeInt32BE(elementOid, 8);
  if (isEmpty) return buffer;
  buffer.writeInt32BE(count, 12);
  buffer.writeInt32BE(1, 16);
  return buffer;
}

function isText(value: unknown): value is string | null {
  return typeof value === 'string' || value === null;
}

function isUuid(value: unknown): value is string {
  return typeof value === 'string' && uuidPattern.test(value);
}
