import { checkSystemPolicies } from '@banyan/chassis';
import type { CommandInput } from '../command.ts';
import { loadSystem } from '../load-system.ts';
import { systemDirectory } from '../system-directory.ts';
import type { Terminal } from '../terminal.ts';
import { readPolicies } from './policy-file.ts';

/** `banyan policy check`: whether a file, or what the system declares, fits the contracts. Nothing needs to run. */
export async function check({ options }: CommandInput, terminal: Terminal): Promise<number> {
  const system = await loadSystem(systemDirectory({ options, positionals: [] }, terminal));
  const policies =
    options['file'] === undefined
      ? checkSystemPolicies(system, system.policies ?? { covers: [], rules: [] })
      : await readPolicies({ options }, { system, terminal });
  const { covers, rules } = policies;
  const count = rules.length === 1 ? '1 rule' : `${rules.length} rules`;
  terminal.write(`${system.name}: ${count}, covering ${covers.join(', ') || 'nothing'}: nothing wrong.\n`);
  return 0;
}
