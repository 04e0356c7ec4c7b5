import { promisify } from 'node:util';
import { constants, zstdCompress, zstdCompressSync, zstdDecompress, zstdDecompressSync } from 'node:zlib';
import type { LogRecord, Resource, SpanRecord } from '../records.ts';
import type { PageLook } from './page-look.ts';

const compress = promisify(zstdCompress);
const decompress = promisify(zstdDecompress);
const level = { params: { [constants.ZSTD_c_compressionLevel]: 1 } };
/** Most pages come out in one piece. */
const unpacking = { chunkSize: 65_536 };
/**
 * Up to there, waiting for another thread costs several times the work; and each that waits holds memory of its own, for which all others are collected again and
 * again.
 */
const smallBytes = 65_536;

type Item = SpanRecord | LogRecord;
type Packed<Kept extends Item> = Omit<Kept, 'resource'> & { readonly r: number };

/** How pages were written before they had lines. */
interface WholePage<Kept extends Item> {
  readonly resources: readonly Resource[];
  readonly items: readonly Packed<Kept>[];
}

/** An item and its place in its page, from 0. */
export interface Placed<Kept extends Item> {
  readonly place: number;
  readonly item: Kept;
}

/**
 * Items of one page, compressed: a line of JSON with the senders, and a line for each item, with the number of its sender before its JSON. So a search takes only
 * those items apart that may be what it looks for.
 */
export async function packPage<Kept extends Item>(items: readonly Kept[]): Promise<Buffer> {
  const resources: Resource[] = [];
  const indexes = new Map<Resource, number>();
  const lines = items.map(({ resource, ...rest }) => {
    let r = indexes.get(resource);
    if (r === undefined) {
      r = resources.push(resource) - 1;
      indexes.set(resource, r);
    }
    return `${r} ${JSON.stringify(rest)}`;
  });
  const text = Buffer.from([JSON.stringify(resources), ...lines].join('\n'));
  return text.byteLength <= smallBytes ? zstdCompressSync(text, level) : compress(text, level);
}

/** Those items that the look does not rule out, in their order. */
export async function unpackPage<Kept extends Item>(
  body: Uint8Array,
  look: PageLook = {},
): Promise<readonly Placed<Kept>[]> {
  const bytes =
    body.byteLength <= smallBytes ? zstdDecompressSync(body, unpacking) : await decompress(body, unpacking);
  const text = bytes.toString();
  const { texts = [], mayMatch } = look;
  // Of some letters the lower case is longer: so lines are compared by number, not by place in the text.
  const lower = texts.length > 0 || mayMatch !== undefined ? text.toLowerCase() : '';
  if (!texts.every((each) => lower.includes(each))) return [];
  return text.startsWith('{') ? unpackWhole(text) : takeApart({ text, lower }, look);
}

interface PageText {
  readonly text: string;
  /** Empty if nobody looks at it. */
  readonly lower: string;
}

function takeApart<Kept extends Item>(
  { text, lower }: PageText,
  { texts = [], mayMatch, isSender }: PageLook,
): readonly Placed<Kept>[] {
  const [head = '[]', ...lines] = text.split('\n');
  const resources = JSON.parse(head) as readonly Resource[];
  const wanted = resources.map(isSender ?? (() => true));
  if (!wanted.includes(true)) return [];
  const lowerLines = lower === '' ? [] : lower.split('\n');
  const found: Placed<Kept>[] = [];
  for (const [place, line] of lines.entries()) {
    const gap = line.indexOf(' ');
    const r = Number(line.slice(0, gap));
    if (wanted[r] !== true) continue;
    const lowerLine = lowerLines[place + 1] ?? '';
    if (!texts.every((each) => lowerLine.includes(each)) || mayMatch?.(lowerLine) === false) continue;
    const item = JSON.parse(line.slice(gap + 1)) as { resource?: Resource };
    const resource = resources[r];
    if (resource !== undefined) item.resource = resource;
    found.push({ place, item: item as unknown as Kept });
  }
  return found;
}

function unpackWhole<Kept extends Item>(text: string): readonly Placed<Kept>[] {
  const { resources, items } = JSON.parse(text) as WholePage<Kept>;
  return items.map(({ r, ...rest }, place) => ({
    place,
    item: { ...rest, resource: resources[r] } as unknown as Kept,
  }));
}
