import { readdir, readFile, stat } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { ServiceError } from '@banyan/core';
import { type Asset, createAsset } from './asset.ts';
import { mediaTypeOf } from './media-types.ts';

/** The files of one folder by URL path. What is not in the list made at `load` does not exist, whatever a path looks like. */
export interface StaticSite {
  /** @throws ServiceError `failed_precondition` `site_not_found` */
  load(): Promise<void>;
  /** Synchronous, so that most requests find out for free that they want no file. */
  has(path: string): boolean;
  /** The file at a normalised path; a path that ends in `/` means the `index.html` there. */
  find(path: string): Promise<Asset | undefined>;
}

/** @param watched look for changed files at each request, as development wants it */
export function createStaticSite(folder: URL, options: { readonly watched: boolean }): StaticSite {
  return new FolderSite(fileURLToPath(folder).replace(/\/$/, ''), options.watched);
}

interface SiteFile {
  readonly file: string;
  version: string;
  asset: Promise<Asset> | undefined;
}

class FolderSite implements StaticSite {
  readonly #folder: string;
  readonly #watched: boolean;
  #files: ReadonlyMap<string, SiteFile> = new Map();

  constructor(folder: string, watched: boolean) {
    this.#folder = folder;
    this.#watched = watched;
  }

  async load(): Promise<void> {
    const files = new Map<string, SiteFile>();
    try {
      await this.#collect('', files);
    } catch (cause) {
      throw this.#notFound(cause);
    }
    if (!files.has('/')) throw this.#notFound(undefined);
    this.#files = files;
  }

  has(path: string): boolean {
    return this.#watched || this.#files.has(toFilePath(path));
  }

  async find(urlPath: string): Promise<Asset | undefined> {
    const path = toFilePath(urlPath);
    // A file made since the last look.
    if (this.#watched && !this.#files.has(path)) await this.load();
    const entry = this.#files.get(path);
    if (entry === undefined) return undefined;
    if (this.#watched && !(await refresh(entry))) {
      await this.load();
      return undefined;
    }
    entry.asset ??= read(entry);
    return entry.asset;
  }

  /** Symbolic links are neither file nor folder here, so nothing outside the folder can be reached; names with a leading dot are private. */
  async #collect(prefix: string, files: Map<string, SiteFile>): Promise<void> {
    const entries = await readdir(`${this.#folder}${prefix}`, { withFileTypes: true });
    for (const entry of entries) {
      if (entry.name.startsWith('.')) continue;
      const path = `${prefix}/${entry.name}`;
      if (entry.isDirectory()) await this.#collect(path, files);
      if (!entry.isFile()) continue;
      const known = this.#files.get(path) ?? {
        file: `${this.#folder}${path}`,
        version: '',
        asset: undefined,
      };
      files.set(path, known);
      if (entry.name === 'index.html') files.set(`${prefix}/`, known);
    }
  }

  #notFound(cause: unknown): ServiceError {
    return new ServiceError(
      `The site folder ${this.#folder} has no index.html; add one, or remove 'site' from gateway().`,
      { code: 'failed_precondition', reason: 'site_not_found', cause },
    );
  }
}

/** False if the file is gone. */
async function refresh(entry: SiteFile): Promise<boolean> {
  const found = await stat(entry.file).catch(() => undefined);
  if (found === undefined) return false;
  const version = `${found.mtimeMs} ${found.size}`;
  if (entry.version !== version) entry.asset = undefined;
  entry.version = version;
  return true;
}

function read(entry: SiteFile): Promise<Asset> {
  const asset = readFile(entry.file).then((body) => createAsset(mediaTypeOf(entry.file), body));
  // A file that could not be read this time may be readable the next time.
  asset.catch(() => {
    entry.asset = undefined;
  });
  return asset;
}

/** Exact, because a normalised path has no encoded slash. */
function toFilePath(urlPath: string): string {
  return urlPath.includes('%') ? decodeURIComponent(urlPath) : urlPath;
}
