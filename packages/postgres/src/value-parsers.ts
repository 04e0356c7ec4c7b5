import { types } from 'pg';

type Parser = (text: string) => unknown;

const textArrayOid = 1009;
const parseTextArray = types.getTypeParser(textArrayOid as number, 'text') as (text: string) => unknown[];

const timestampPattern = /^(\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d(?:\.\d+)?)$/;

/** Sessions run in UTC; `infinity` and years outside 0–9999 have no RFC 3339 form and stay PostgreSQL's text. */
function parseTimestamptz(text: string): string {
  if (text.endsWith('+00') && text.charCodeAt(10) === 32 && text.charCodeAt(4) === 45) {
    return `${text.slice(0, 10)}T${text.slice(11, -3)}Z`;
  }
  return text;
}

function parseTimestamp(text: string): string {
  return text.replace(timestampPattern, '$1T$2');
}

function parseInt8(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value)) {
    throw new RangeError(`int8 ${text} is beyond 2^53: select it as text (column::text).`);
  }
  return value;
}

function parseBytea(text: string): Uint8Array {
  // A copy: small Buffers are views into memory that they share with others.
  return new Uint8Array(Buffer.from(text.slice(2), 'hex'));
}

const parseBool: Parser = (text) => text === 't';

const scalars: readonly (readonly [oid: number, arrayOid: number, parser: Parser])[] = [
  [16, 1000, parseBool],
  [17, 1001, parseBytea],
  [20, 1016, parseInt8],
  [21, 1005, Number],
  [23, 1007, Number],
  [26, 1028, Number],
  [700, 1021, Number],
  [701, 1022, Number],
  [114, 199, JSON.parse as Parser],
  [3802, 3807, JSON.parse as Parser],
  [1114, 1115, parseTimestamp],
  [1184, 1185, parseTimestamptz],
];

/** Types whose text already is the value: numeric, text, varchar, bpchar, name, uuid, date, time, interval. */
const textArrayOids = [1231, 1009, 1015, 1014, 1003, 2951, 1182, 1183, 1187];

const parsers = new Map<number, Parser>();
for (const [oid, arrayOid, parser] of scalars) {
  parsers.set(oid, parser);
  parsers.set(arrayOid, (text) => parseTextArray(text).map((element) => parseElement(element, parser)));
}
for (const oid of textArrayOids) parsers.set(oid, parseTextArray);

function parseElement(element: unknown, parser: Parser): unknown {
  if (Array.isArray(element)) return element.map((inner) => parseElement(inner, parser));
  return element === null ? null : parser(String(element));
}

const asText: Parser = (text) => text;

/** Column values as `Sql` documents them; every other type stays PostgreSQL's text. */
export const valueTypes = {
  getTypeParser: (oid: number): Parser => parsers.get(oid) ?? asText,
};
