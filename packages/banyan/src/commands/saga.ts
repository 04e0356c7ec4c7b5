import { ServiceError } from '@banyan/core';
import type { CommandInput } from '../command-line.ts';
import { openEventPorts } from '../event-ports.ts';
import type { EventVerb } from '../event-verbs/verb.ts';
import { check } from '../saga-verbs/check.ts';
import { audit, ls, show } from '../saga-verbs/look.ts';
import { cancel, repair, retry, skip } from '../saga-verbs/operate.ts';
import type { Terminal } from '../terminal.ts';

const verbs: Readonly<Record<string, EventVerb>> = { ls, show, retry, skip, cancel, repair, check, audit };

/** `banyan saga`. */
export async function saga(input: CommandInput, terminal: Terminal): Promise<number> {
  const [name = 'ls', ...words] = input.positionals;
  const verb = Object.hasOwn(verbs, name) ? verbs[name] : undefined;
  if (verb === undefined) {
    throw new ServiceError(`There is no 'saga ${name}'. Verbs: ${Object.keys(verbs).join(', ')}.`, {
      code: 'invalid_argument',
      reason: 'invalid_command_line',
    });
  }
  const ports = await openEventPorts(input, terminal);
  try {
    return await verb({ ports, words, options: input.options, terminal });
  } finally {
    await ports.close();
  }
}
