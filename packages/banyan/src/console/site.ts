import { existsSync } from 'node:fs';
import { fileURLToPath, pathToFileURL } from 'node:url';
import type { Logger } from '@banyan/core';
import type { Progress } from '../progress.ts';

/** Beside the packed command line, where the page is already built. */
const packed = new URL('./web/', import.meta.url);
/** In this repository, where `buildConsole` builds it. */
const workspace = new URL('../../../../apps/console/build.ts', import.meta.url);

export interface SiteOptions {
  readonly logger: Logger;
  readonly progress: Pick<Progress, 'note'>;
  /** Module that builds the page. Default: that of this repository. */
  readonly builder?: URL;
}

/**
 * Folder of the console's page, built first if its sources are younger; undefined if this installation has no page, or it cannot be built: the log says why,
 * and the system runs without it.
 */
export async function consoleSite(options: SiteOptions): Promise<URL | undefined> {
  const { logger, progress, builder = workspace } = options;
  if (existsSync(fileURLToPath(packed))) return packed;
  if (!existsSync(fileURLToPath(builder))) return undefined;
  try {
    // By its address: applications stand above packages, and a packed command line has none beside it.
    const { buildConsole } = (await import(builder.href)) as { readonly buildConsole: () => Promise<string> };
    return pathToFileURL(`${await buildConsole()}/`);
  } catch (error) {
    logger.error('the page of the console cannot be built', { error });
    progress.note('The console has no page: it cannot be built, the log says why.');
    return undefined;
  }
}
