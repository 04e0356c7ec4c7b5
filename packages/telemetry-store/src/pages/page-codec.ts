import { promisify } from 'node:util';
import { constants, zstdCompress, zstdDecompress } from 'node:zlib';
import type { LogRecord, Resource, SpanRecord } from '../records.ts';

const compress = promisify(zstdCompress);
const decompress = promisify(zstdDecompress);
const level = { params: { [constants.ZSTD_c_compressionLevel]: 1 } };

type Packed<Item> = Omit<Item, 'resource'> & { readonly r: number };

interface PackedPage<Item> {
  readonly resources: readonly Resource[];
  readonly items: readonly Packed<Item>[];
}

/** Items of one page as compressed JSON, with each sender written once. */
export async function packPage<Item extends SpanRecord | LogRecord>(items: readonly Item[]): Promise<Buffer> {
  const resources: Resource[] = [];
  const indexes = new Map<Resource, number>();
  const packed = items.map(({ resource, ...rest }) => {
    let r = indexes.get(resource);
    if (r === undefined) {
      r = resources.push(resource) - 1;
      indexes.set(resource, r);
    }
    return { r, ...rest };
  });
  return compress(Buffer.from(JSON.stringify({ resources, items: packed })), level);
}

/** @param mayMatch says of the page's JSON, in lower case, whether it is worth taking apart; if not, the page counts as empty */
export async function unpackPage<Item extends SpanRecord | LogRecord>(
  body: Uint8Array,
  mayMatch?: (text: string) => boolean,
): Promise<readonly Item[]> {
  const text = (await decompress(body)).toString();
  if (mayMatch?.(text.toLowerCase()) === false) return [];
  const { resources, items } = JSON.parse(text) as PackedPage<Item>;
  return items.map(({ r, ...rest }) => ({ ...rest, resource: resources[r] })) as unknown as readonly Item[];
}
