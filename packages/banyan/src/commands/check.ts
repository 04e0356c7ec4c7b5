import { everyServiceOf, servicesOf } from '@banyan/chassis';
import { readAllConfig } from '@banyan/config';
import { checkProduction } from '../check-production.ts';
import { defineCommand } from '../command.ts';
import { loadSystem } from '../load-system.ts';
import { readSettings } from '../settings.ts';
import { dir, production } from '../shared-options.ts';
import { systemDirectory } from '../system-directory.ts';

export const check = defineCommand({
  name: 'check',
  usage: 'banyan check [options]',
  summary: 'Find definition and configuration errors without starting anything.',
  options: { dir, production: { ...production, summary: 'Check what runs in production.' } },
  async run(input, terminal) {
    const directory = systemDirectory(input, terminal);
    const system = await loadSystem(directory);
    const settings = readSettings(directory, everyServiceOf(system), { input, terminal });
    const services = servicesOf(system, settings.development);
    if (!settings.development) checkProduction(system);
    readAllConfig(services, settings.source);
    const operations = services.reduce(
      (sum, { contract }) => sum + Object.keys(contract.operations).length,
      0,
    );
    const events = services.reduce((sum, { contract }) => sum + Object.keys(contract.events).length, 0);
    const routes = system.gateway?.routes.length ?? 0;
    const counts = [
      counted(services.length, 'service'),
      `${counted(operations, 'operation')} (${routes} public)`,
      counted(events, 'event'),
    ];
    terminal.write(`${system.name}: ${counts.join(', ')}: nothing wrong.\n`);
    return 0;
  },
});

function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}
