import { ServiceError } from '@banyan/core';
import type { CommandInput } from './command.ts';
import type { EventVerb } from './event-verbs/verb.ts';
import { openServicePorts } from './service-ports.ts';
import type { Terminal } from './terminal.ts';

/** The verbs of a command that looks after a running system, such as `banyan events`. */
export interface VerbCommand {
  readonly command: string;
  readonly verbs: Readonly<Record<string, EventVerb>>;
  /** The one that runs if none is named. */
  readonly preset: string;
}

/** @throws ServiceError `invalid_argument` `invalid_command_line` for a verb that there is not */
export async function runVerb(
  { command, verbs, preset }: VerbCommand,
  input: CommandInput,
  terminal: Terminal,
): Promise<number> {
  const [name = preset, ...words] = input.positionals;
  const verb = Object.hasOwn(verbs, name) ? verbs[name] : undefined;
  if (verb === undefined) {
    throw new ServiceError(`There is no '${command} ${name}'. Verbs: ${Object.keys(verbs).join(', ')}.`, {
      code: 'invalid_argument',
      reason: 'invalid_command_line',
    });
  }
  const ports = await openServicePorts(input, terminal);
  try {
    return await verb({ ports, words, options: input.options, terminal });
  } finally {
    await ports.close();
  }
}
