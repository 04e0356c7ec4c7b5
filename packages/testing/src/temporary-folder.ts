import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { lastFirst, type Undoing } from './last-first.ts';

/**
 * An empty folder below the system's folder for temporary files. It is removed with the test, after whatever was handed to `lastFirst(t)` later has been
 * undone: what runs in it has ended by then. A process that writes its last file a moment later is waited for.
 * @param purpose a word for its name, for whoever finds one
 */
export async function temporaryFolder(t: Undoing, purpose = 'test'): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), `banyan-${purpose}-`));
  lastFirst(t).after(() => rm(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 }));
  return folder;
}
