import { isServiceError } from '@banyan/core';
import { BinaryReader, BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import { storeError } from '../errors.ts';
import type { Signal } from '../writing/signal-queue.ts';
import { type Field, type Message, requests, type ScalarType } from './protobuf-messages.ts';
import { type Fields, isObject } from './values.ts';

/** Messages and elements of lists. Two bytes are enough for an empty one, and what is made of it takes fifty times as much. */
const maxParts = 1_000_000;
const maxDepth = 64;

/**
 * A request in protobuf as the same request in JSON would be (https://opentelemetry.io/docs/specs/otlp/#binary-protobuf-encoding).
 * Fields that are not known are skipped, as protobuf has it.
 * @throws ServiceError `invalid_otlp` if it is cut off, nested deeper than 64, of more than a million parts, has a field in a form that
 * is not the field's, or is no protobuf at all
 */
export function decodeOtlp(signal: Signal, bytes: Uint8Array): Fields {
  try {
    return new RequestReader().read(bytes, requests[signal], 1);
  } catch (cause) {
    if (isServiceError(cause)) throw cause;
    throw storeError('invalid_otlp', { message: 'The body is no protobuf, or cut off.', cause });
  }
}

/** `ExportTraceServiceResponse` and its like, which are written alike: empty if everything was taken. */
export function encodeOtlpResponse(rejected: number, why: string): Uint8Array<ArrayBuffer> {
  const response = new BinaryWriter();
  if (rejected === 0) return response.finish();
  response.tag(1, WireType.LengthDelimited).fork();
  response.tag(1, WireType.Varint).int64(rejected);
  response.tag(2, WireType.LengthDelimited).string(why);
  return response.join().finish();
}

/** `google.rpc.Status` with a message; OTLP over HTTP makes no use of its code. */
export function encodeOtlpStatus(message: string): Uint8Array<ArrayBuffer> {
  return new BinaryWriter().tag(2, WireType.LengthDelimited).string(message).finish();
}

class RequestReader {
  #parts = 0;

  /** @param before a message that came under the same number: what comes later is added to it, as protobuf has it */
  read(bytes: Uint8Array, message: Message, depth: number, before: Fields = message.defaults): Fields {
    if (depth > maxDepth) throw refused(`it is nested deeper than ${maxDepth}`);
    this.#countPart();
    const reader = new BinaryReader(bytes);
    const read: Record<string, unknown> = { ...before };
    while (reader.pos < reader.len) {
      const [number, wireType] = reader.tag();
      const field = message.fields.get(number);
      if (field === undefined) reader.skip(wireType, number);
      else if (field.isList) this.#readInto(listIn(read, field.name), reader, { field, wireType, depth });
      else {
        expectForm(field, wireType);
        read[field.name] = this.#readValue(reader, field, depth, read[field.name]);
      }
    }
    return read;
  }

  #readInto(
    list: unknown[],
    reader: BinaryReader,
    {
      field,
      wireType,
      depth,
    }: { readonly field: Field; readonly wireType: WireType; readonly depth: number },
  ): void {
    const isPacked = wireType === WireType.LengthDelimited && wireTypeOf(field) !== wireType;
    if (!isPacked) {
      expectForm(field, wireType);
      list.push(this.#readValue(reader, field, depth));
      return;
    }
    // Numbers, one after the other.
    const packed = new BinaryReader(reader.bytes());
    while (packed.pos < packed.len) list.push(this.#readValue(packed, field, depth));
  }

  #readValue(reader: BinaryReader, { type }: Field, depth: number, before?: unknown): unknown {
    if (typeof type === 'function')
      return this.read(reader.bytes(), type(), depth + 1, isObject(before) ? before : undefined);
    this.#countPart();
    return scalars[type].read(reader);
  }

  #countPart(): void {
    this.#parts += 1;
    if (this.#parts > maxParts) throw refused(`it has more than ${maxParts} parts; send smaller batches`);
  }
}

function refused(why: string) {
  return storeError('invalid_otlp', { message: `The body is no OTLP request that is taken: ${why}.` });
}

function listIn(read: Record<string, unknown>, name: string): unknown[] {
  const known = read[name];
  if (Array.isArray(known)) return known;
  const list: unknown[] = [];
  read[name] = list;
  return list;
}

const scalars: Readonly<
  Record<ScalarType, { readonly wireType: WireType; readonly read: (reader: BinaryReader) => unknown }>
> = {
  text: { wireType: WireType.LengthDelimited, read: (reader) => reader.string() },
  hex: { wireType: WireType.LengthDelimited, read: (reader) => toText(reader.bytes(), 'hex') },
  base64: { wireType: WireType.LengthDelimited, read: (reader) => toText(reader.bytes(), 'base64') },
  bool: { wireType: WireType.Varint, read: (reader) => reader.bool() },
  enum: { wireType: WireType.Varint, read: (reader) => reader.int32() },
  int64: { wireType: WireType.Varint, read: (reader) => String(reader.int64()) },
  uint64: { wireType: WireType.Varint, read: (reader) => String(reader.uint64()) },
  sint32: { wireType: WireType.Varint, read: (reader) => reader.sint32() },
  fixed64: { wireType: WireType.Bit64, read: (reader) => String(reader.fixed64()) },
  sfixed64: { wireType: WireType.Bit64, read: (reader) => String(reader.sfixed64()) },
  double: { wireType: WireType.Bit64, read: (reader) => reader.double() },
};

function toText(bytes: Uint8Array, encoding: 'hex' | 'base64'): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString(encoding);
}

function wireTypeOf({ type }: Field): WireType {
  return typeof type === 'function' ? WireType.LengthDelimited : scalars[type].wireType;
}

/** To skip it would lose what was meant, and say nothing. */
function expectForm(field: Field, wireType: WireType): void {
  if (wireType !== wireTypeOf(field)) throw refused(`${field.name} is written in a form that is not its own`);
}
