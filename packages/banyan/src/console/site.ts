import { existsSync } from 'node:fs';
import { fileURLToPath, pathToFileURL } from 'node:url';

/** Beside the packed command line, where the page is already built. */
const packed = new URL('./web/', import.meta.url);
/** In this repository, where `buildConsole` builds it. */
const workspace = new URL('../../../../apps/console/build.ts', import.meta.url);

/** Folder of the console's page, built first if its sources are younger; undefined if this installation has no page. */
export async function consoleSite(): Promise<URL | undefined> {
  if (existsSync(fileURLToPath(packed))) return packed;
  if (!existsSync(fileURLToPath(workspace))) return undefined;
  // By its address: applications stand above packages, and a packed command line has none beside it.
  const { buildConsole } = (await import(workspace.href)) as { readonly buildConsole: () => Promise<string> };
  return pathToFileURL(`${await buildConsole()}/`);
}
