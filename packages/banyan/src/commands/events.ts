import type { CommandInput } from '../command-line.ts';
import { audit } from '../event-verbs/audit.ts';
import { dead, discard, edit, retry, show } from '../event-verbs/dead-letters.ts';
import { replay, republish } from '../event-verbs/replays.ts';
import { status } from '../event-verbs/status.ts';
import { runVerb } from '../run-verb.ts';
import type { Terminal } from '../terminal.ts';

const verbs = { status, dead, show, retry, edit, discard, republish, replay, audit };

/** `banyan events`. */
export function events(input: CommandInput, terminal: Terminal): Promise<number> {
  return runVerb({ command: 'events', verbs, preset: 'status' }, input, terminal);
}
