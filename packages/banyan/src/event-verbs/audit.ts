import { renderTable } from '../table.ts';
import { limitOf, serviceNamed, type VerbInput } from './verb.ts';

/** `banyan events audit NAME`: what operators did to the events of a service, newest first. */
export async function audit(input: VerbInput): Promise<number> {
  const { inbox } = await input.ports.open(serviceNamed(input, 'audit'));
  const entries = await inbox.audit(limitOf(input));
  if (input.options['json'] === true) input.terminal.write(`${JSON.stringify(entries, null, 2)}\n`);
  else if (entries.length === 0) input.terminal.write('Nobody has done anything.\n');
  else
    input.terminal.write(
      renderTable(
        ['at', 'by', 'action', 'subject'],
        entries.map(({ at, by, action, subject }) => [at, by, action, subject]),
      ),
    );
  return 0;
}
