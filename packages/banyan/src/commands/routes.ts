import { type CommandInput, defineCommand } from '../command.ts';
import { loadSystem } from '../load-system.ts';
import { clear, history, link, ls, moved, off, on, revert, set, weight } from '../route-verbs/verbs.ts';
import { runVerb } from '../run-verb.ts';
import { data, dir, json } from '../shared-options.ts';
import { systemDirectory } from '../system-directory.ts';
import { renderTable } from '../table.ts';
import type { Terminal } from '../terminal.ts';

const verbs = { ls, link, weight, set, clear, on, off, moved, history, revert };

/** `banyan routes`: as they are declared, or with a verb those of the running system. */
export const routes = defineCommand({
  name: 'routes',
  usage: 'banyan routes [VERB] [NAME…] [options]',
  summary:
    'List the public routes; while the system runs, look at traffic (ls, history) and move it: link, weight, set, clear, on, off, moved, revert.',
  options: {
    dir,
    data,
    why: { type: 'string', value: 'TEXT', summary: 'Of a change, for the history.' },
    by: { type: 'string', value: 'WHO', summary: 'Name for the history. Default: the user of this shell.' },
    sticky: { type: 'boolean', summary: 'weight: the same user always gets the same version.' },
    back: {
      type: 'string',
      value: 'VERSION',
      summary: 'link, weight: go back to this version if the one that is new breaks its promise.',
    },
    target: {
      type: 'string',
      value: 'SHARE',
      summary: 'With --back: promised share of good calls. Default: 0.99.',
    },
    within: {
      type: 'string',
      value: 'MS',
      summary: 'With --back: a good call takes no longer. Default: time does not count.',
    },
    file: {
      type: 'string',
      value: 'FILE',
      summary: 'set: the rule of the service as JSON; - reads standard input.',
    },
    limit: { type: 'string', value: 'N', summary: 'history: at most so many. Default: 50.' },
    json,
  },
  run(input, terminal) {
    if (input.positionals.length === 0) return declared(input, terminal);
    return runVerb({ command: 'routes', verbs, preset: 'ls' }, input, terminal);
  },
});

async function declared(input: CommandInput, terminal: Terminal): Promise<number> {
  const system = await loadSystem(systemDirectory(input, terminal));
  const all = system.gateway?.routes ?? [];
  if (input.options['json'] === true) {
    terminal.write(`${JSON.stringify(all, null, 2)}\n`);
    return 0;
  }
  if (all.length === 0) {
    terminal.write('Nothing is exposed: the system has no gateway.\n');
    return 0;
  }
  const rows = all.map((route) => [
    route.method,
    route.path,
    `${route.service}.${route.operation}`,
    route.policy,
    route.version,
  ]);
  terminal.write(renderTable(['method', 'path', 'operation', 'for', 'version'], rows));
  return 0;
}
