import type { CommandInput } from '../command-line.ts';
import { loadSystem } from '../load-system.ts';
import { systemDirectory } from '../system-directory.ts';
import { renderTable } from '../table.ts';
import type { Terminal } from '../terminal.ts';

/** `banyan routes`. */
export async function routes(input: CommandInput, terminal: Terminal): Promise<number> {
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
  ]);
  terminal.write(renderTable(['method', 'path', 'operation', 'for'], rows));
  return 0;
}
