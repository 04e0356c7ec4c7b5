import type { CommandInput } from '../command-line.ts';
import { loadSystem } from '../load-system.ts';
import { clear, history, link, ls, moved, off, on, revert, set, weight } from '../route-verbs/verbs.ts';
import { runVerb } from '../run-verb.ts';
import { systemDirectory } from '../system-directory.ts';
import { renderTable } from '../table.ts';
import type { Terminal } from '../terminal.ts';

const verbs = { ls, link, weight, set, clear, on, off, moved, history, revert };

/** `banyan routes`: as they are declared, or with a verb those of the running system. */
export function routes(input: CommandInput, terminal: Terminal): Promise<number> {
  if (input.positionals.length === 0) return declared(input, terminal);
  return runVerb({ command: 'routes', verbs, preset: 'ls' }, input, terminal);
}

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
