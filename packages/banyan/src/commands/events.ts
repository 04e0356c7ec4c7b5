import { ServiceError } from '@banyan/core';
import type { CommandInput } from '../command-line.ts';
import { openEventPorts } from '../event-ports.ts';
import { audit } from '../event-verbs/audit.ts';
import { dead, discard, edit, retry, show } from '../event-verbs/dead-letters.ts';
import { replay, republish } from '../event-verbs/replays.ts';
import { status } from '../event-verbs/status.ts';
import type { EventVerb } from '../event-verbs/verb.ts';
import type { Terminal } from '../terminal.ts';

const verbs: Readonly<Record<string, EventVerb>> = {
  status,
  dead,
  show,
  retry,
  edit,
  discard,
  republish,
  replay,
  audit,
};

/** `banyan events`. */
export async function events(input: CommandInput, terminal: Terminal): Promise<number> {
  const [name = 'status', ...words] = input.positionals;
  const verb = Object.hasOwn(verbs, name) ? verbs[name] : undefined;
  if (verb === undefined) {
    throw new ServiceError(`There is no 'events ${name}'. Verbs: ${Object.keys(verbs).join(', ')}.`, {
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
