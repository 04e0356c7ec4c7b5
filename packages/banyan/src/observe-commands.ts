import type { Command, CommandOption } from './command-line.ts';
import { control } from './commands/control.ts';
import { depth } from './commands/depth.ts';
import { logs } from './commands/logs.ts';
import { status } from './commands/status.ts';
import { top } from './commands/top.ts';
import { trace } from './commands/trace.ts';

interface SharedOptions {
  readonly dir: CommandOption;
  readonly data: CommandOption;
}

/** Commands that ask the console of the running system, or have it do something. */
export function observeCommands({ dir, data }: SharedOptions): readonly Command[] {
  const json: CommandOption = { type: 'boolean', summary: 'As JSON.' };
  return [
    {
      name: 'status',
      usage: 'banyan status [options]',
      summary: 'Show what runs, and how each service did in the last minute.',
      options: { dir, data, json },
      run: status,
    },
    {
      name: 'logs',
      usage: 'banyan logs [NAME] [options]',
      summary: 'Show the newest log lines of all processes, or of one service.',
      options: {
        dir,
        data,
        follow: { type: 'boolean', short: 'f', summary: 'Go on with the lines that come.' },
        level: { type: 'string', value: 'LEVEL', summary: 'This level and those more serious.' },
        text: {
          type: 'string',
          value: 'WORDS',
          summary: 'Lines with these words; "…" a phrase, -word without.',
        },
        trace: { type: 'string', value: 'ID', summary: 'Lines of one trace.' },
        since: { type: 'string', value: 'TIME', summary: 'Default: 1h ago. A time, or 30s, 15m, 2h, 1d.' },
        limit: { type: 'string', value: 'N', summary: 'At most so many, up to 1000. Default: 50.' },
        json,
      },
      run: logs,
    },
    {
      name: 'trace',
      usage: 'banyan trace NAME [options]',
      summary: 'Draw one trace, named by its id, with its critical path.',
      options: { dir, data, json },
      run: trace,
    },
    {
      name: 'top',
      usage: 'banyan top [options]',
      summary: 'Show the busiest operations of the last minute, anew every second.',
      options: { dir, data, once: { type: 'boolean', summary: 'Once, as without a terminal.' } },
      run: top,
    },
    {
      name: 'depth',
      usage: 'banyan depth [options]',
      summary:
        'Show how deep calls wait for each other, as traces tell; fails if it is too deep, or without traces.',
      options: {
        dir,
        data,
        'at-most': { type: 'string', value: 'N', summary: 'What is deeper fails. Default: 3.' },
        since: { type: 'string', value: 'TIME', summary: 'Default: 1h ago. A time, or 30s, 15m, 2h, 1d.' },
        json,
      },
      run: depth,
    },
    {
      name: 'control',
      usage: 'banyan control VERB NAME [DELAY] [options]',
      summary: 'Stop, start, restart, pause, resume, slow, split or merge a service, in development.',
      options: { dir, data },
      run: control,
    },
  ];
}
