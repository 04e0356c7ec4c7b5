import { readdir, readFile } from 'node:fs/promises';
import type { ServerResponse } from 'node:http';
import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';

const mediaTypes: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.json': 'application/json',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.ico': 'image/x-icon',
  '.woff2': 'font/woff2',
};

/** Another content has another name: browsers need not ask again. */
const hasHash = /-[A-Z0-9]{8}\.(?:js|css)$/;

/** The built front end, in memory. Paths without an extension are pages, which the front end draws itself: `/traces/…` by `traces.html`, or else `index.html`. */
export interface Site {
  /** Answers, or returns false if there is no such file. */
  serve(path: string, response: ServerResponse): boolean;
}

interface File {
  readonly type: string;
  readonly body: Buffer;
}

/** What is not in the folder now does not exist. @throws if the folder cannot be read */
export async function loadSite(folder: URL): Promise<Site> {
  const files = new Map<string, File>();
  await collect(fileURLToPath(folder).replace(/\/$/, ''), '', files);
  // What the first part of the address names has a file of its own, if the front end has made one.
  const pageOf = (path: string) => files.get(`/${path.split('/')[1] ?? ''}.html`) ?? files.get('/index.html');
  return {
    serve(path, response) {
      const file = files.get(path) ?? (extname(path) === '' ? pageOf(path) : undefined);
      if (file === undefined) return false;
      response.writeHead(200, {
        'content-type': file.type,
        'content-length': file.body.byteLength,
        'cache-control': hasHash.test(path) ? 'public, max-age=31536000, immutable' : 'no-cache',
        'content-security-policy': pagePolicy,
      });
      response.end(response.req.method === 'HEAD' ? undefined : file.body);
      return true;
    },
  };
}

const pagePolicy = [
  "default-src 'self'",
  "style-src 'self' 'unsafe-inline'",
  "img-src 'self' data:",
  "object-src 'none'",
  "base-uri 'none'",
  "form-action 'self'",
  "frame-ancestors 'none'",
].join('; ');

async function collect(folder: string, prefix: string, files: Map<string, File>): Promise<void> {
  for (const entry of await readdir(`${folder}${prefix}`, { withFileTypes: true })) {
    const path = `${prefix}/${entry.name}`;
    if (entry.isDirectory()) await collect(folder, path, files);
    const type = mediaTypes[extname(entry.name)];
    if (entry.isFile() && type !== undefined)
      files.set(path, { type, body: await readFile(`${folder}${path}`) });
  }
}
