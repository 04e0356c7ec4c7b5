import { createHash } from 'node:crypto';
import { promisify } from 'node:util';
import { brotliCompress, constants, gzip } from 'node:zlib';
import type { Exchange } from './exchange.ts';
import { isCompressible } from './media-types.ts';
import type { AnswerKind } from './security-headers.ts';

type Encoding = 'br' | 'gzip' | 'identity';

interface Representation {
  readonly body: Buffer;
  /** Quoted; differs between encodings, as a strong validator must (RFC 9110, 8.8.3). */
  readonly etag: string;
}

/** A file in memory, in every encoding worth sending. */
export interface Asset {
  readonly mediaType: string;
  readonly identity: Representation;
  readonly gzip: Representation | undefined;
  readonly br: Representation | undefined;
}

const toGzip = promisify(gzip);
const toBrotli = promisify(brotliCompress);
/** Below this, the headers of the answer are longer than what compression saves. */
const minCompressedBytes = 512;

export async function createAsset(mediaType: string, body: Buffer): Promise<Asset> {
  const hash = createHash('sha256').update(body).digest('base64url').slice(0, 22);
  const identity = { body, etag: `"${hash}"` };
  if (!isCompressible(mediaType) || body.byteLength < minCompressedBytes) {
    return { mediaType, identity, gzip: undefined, br: undefined };
  }
  const quality = { params: { [constants.BROTLI_PARAM_QUALITY]: 9 } };
  const [zipped, brotli] = await Promise.all([toGzip(body), toBrotli(body, quality)]);
  return {
    mediaType,
    identity,
    gzip: { body: zipped, etag: `"${hash}-gzip"` },
    br: { body: brotli, etag: `"${hash}-br"` },
  };
}

/** Answers GET or HEAD with the asset in the best encoding that the client takes, or 304. */
export function writeAsset(exchange: Exchange, asset: Asset, kind: AnswerKind): void {
  const { method, headers: asked } = exchange.request;
  const encoding = chooseEncoding(asset, asked['accept-encoding']);
  const { body, etag } = asset[encoding] ?? asset.identity;
  const headers = exchange.headers(kind);
  // Browsers keep it and ask each time whether it is still the same, so a new version shows at once.
  headers.push('etag', etag, 'cache-control', 'no-cache');
  if (asset.br !== undefined) headers.push('vary', 'Accept-Encoding');
  if (matches(asked['if-none-match'], etag)) {
    exchange.answer(304, headers, undefined);
    return;
  }
  if (encoding !== 'identity') headers.push('content-encoding', encoding);
  headers.push('content-type', asset.mediaType, 'content-length', String(body.byteLength));
  exchange.answer(200, headers, method === 'HEAD' ? undefined : body);
}

function chooseEncoding(asset: Asset, header: string | string[] | undefined): Encoding {
  if (asset.br === undefined || typeof header !== 'string') return 'identity';
  const accepted = new Set(
    header
      .toLowerCase()
      .split(',')
      .filter((part) => !/;\s*q=0(\.0*)?\s*$/.test(part))
      .map((part) => part.split(';', 1)[0]?.trim()),
  );
  if (accepted.has('br')) return 'br';
  return accepted.has('gzip') ? 'gzip' : 'identity';
}

/** Weak comparison (RFC 9110, 13.1.2). */
export function matches(header: string | undefined, etag: string): boolean {
  if (header === undefined) return false;
  return header.split(',').some((part) => {
    const tag = part.trim();
    return tag === '*' || (tag.startsWith('W/') ? tag.slice(2) : tag) === etag;
  });
}
