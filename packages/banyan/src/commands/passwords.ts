import { defineCommand } from '../command.ts';
import { backup, check, ls, repair, restore } from '../password-verbs/verbs.ts';
import { runVerb } from '../run-verb.ts';
import { by, data, dir, json } from '../shared-options.ts';

const verbs = { check, backup, ls, repair, restore };

export const passwords = defineCommand({
  name: 'passwords',
  usage: 'banyan passwords VERB [BACKUP] [options]',
  summary: 'Look after the store of passwords: check, backup, ls, repair, restore.',
  options: {
    dir,
    data,
    by,
    json,
    yes: { type: 'boolean', summary: 'restore: do not ask.' },
  },
  run(input, terminal) {
    return runVerb({ command: 'passwords', verbs, preset: 'check' }, input, terminal);
  },
});
