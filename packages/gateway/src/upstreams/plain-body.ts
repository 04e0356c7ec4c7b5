import { promisify } from 'node:util';
import { brotliDecompress, gunzip, inflate, zstdDecompress } from 'node:zlib';

/** By the names of RFC 9110, 8.4.1, RFC 7932 and RFC 8878. */
const decoders = {
  gzip: promisify(gunzip),
  'x-gzip': promisify(gunzip),
  deflate: promisify(inflate),
  br: promisify(brotliDecompress),
  zstd: promisify(zstdDecompress),
};

/** Nobody compresses more often; each one could make a thousand times as much of it. */
const maxCodings = 2;

/**
 * A body without its compression.
 * @param codings value of `Content-Encoding`
 * @param maxBytes of the result, and of what lies between two codings
 * @returns `'too large'`; undefined if it is compressed in a way that is not known here, or damaged
 */
export async function plainBody(
  body: Buffer,
  codings: string,
  maxBytes: number,
): Promise<Buffer | 'too large' | undefined> {
  const names = codings
    .toLowerCase()
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '' && name !== 'identity');
  if (names.length > maxCodings) return undefined;
  let plain = body;
  // The last one was applied last.
  for (const name of names.reverse()) {
    const decode = Object.hasOwn(decoders, name) ? decoders[name as keyof typeof decoders] : undefined;
    if (decode === undefined) return undefined;
    try {
      plain = await decode(plain, { maxOutputLength: maxBytes });
    } catch (error) {
      return (error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE' ? 'too large' : undefined;
    }
  }
  return plain;
}
