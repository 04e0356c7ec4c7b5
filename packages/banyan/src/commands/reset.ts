import { rm } from 'node:fs/promises';
import { defineCommand } from '../command.ts';
import { openDataFolder } from '../data-folder.ts';
import { lockDataFolder } from '../data-folder-lock.ts';
import { data, dir } from '../shared-options.ts';
import { dataDirectory } from '../system-directory.ts';

export const reset = defineCommand({
  name: 'reset',
  usage: 'banyan reset [options]',
  summary: "Delete the system's data in .banyan/, after asking.",
  options: { dir, data, yes: { type: 'boolean', summary: 'Do not ask.' } },
  async run(input, terminal) {
    const folder = await openDataFolder(dataDirectory(input, terminal));
    const unlock = await lockDataFolder(folder);
    const sure =
      input.options.yes === true ||
      (await terminal.confirm(`Delete everything in ${folder.path}: databases, stored files, logs, keys?`));
    if (!sure) {
      await unlock();
      terminal.write("Nothing was deleted. Answer 'y', or use '--yes'.\n");
      return 1;
    }
    await rm(folder.path, { recursive: true, force: true });
    terminal.write(`Deleted ${folder.path}\n`);
    return 0;
  },
});
