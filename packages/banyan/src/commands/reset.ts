import { rm } from 'node:fs/promises';
import type { CommandInput } from '../command-line.ts';
import { openDataFolder } from '../data-folder.ts';
import { lockDataFolder } from '../data-folder-lock.ts';
import { dataDirectory } from '../system-directory.ts';
import type { Terminal } from '../terminal.ts';

/** `banyan reset`. */
export async function reset(input: CommandInput, terminal: Terminal): Promise<number> {
  const folder = await openDataFolder(dataDirectory(input, terminal));
  const unlock = await lockDataFolder(folder);
  const sure =
    input.options['yes'] === true ||
    (await terminal.confirm(`Delete everything in ${folder.path}: databases, stored files, logs, keys?`));
  if (!sure) {
    await unlock();
    terminal.write("Nothing was deleted. Answer 'y', or use '--yes'.\n");
    return 1;
  }
  await rm(folder.path, { recursive: true, force: true });
  terminal.write(`Deleted ${folder.path}\n`);
  return 0;
}
