import { ls, verify } from '../audit-verbs/verbs.ts';
import { defineCommand } from '../command.ts';
import { runVerb } from '../run-verb.ts';
import { data, dir, json } from '../shared-options.ts';

const verbs = { ls, verify };

export const audit = defineCommand({
  name: 'audit',
  usage: 'banyan audit VERB [NAME…] [options]',
  summary: 'Look at who did what (ls), and prove that nothing was changed (verify).',
  options: {
    dir,
    data,
    user: { type: 'string', value: 'ID', summary: 'ls: what this user did.' },
    subject: { type: 'string', value: 'ID', summary: 'ls: what was done to this, such as an order.' },
    action: { type: 'string', value: 'NAME', summary: 'ls: this action only.' },
    outcome: { type: 'string', value: 'OUTCOME', summary: 'ls: done, refused, failed, denied.' },
    since: {
      type: 'string',
      value: 'TIME',
      summary: 'ls: since then (2026-11-21T08:00:00Z, or 30s, 15m, 2h, 1d ago).',
    },
    until: { type: 'string', value: 'TIME', summary: 'ls: before then.' },
    head: {
      type: 'string',
      value: 'N:HASH',
      summary: 'verify: a head that was kept elsewhere; shows whether the end was cut off.',
    },
    limit: { type: 'string', value: 'N', summary: 'ls: at most so many. Default: 50.' },
    json,
  },
  run(input, terminal) {
    return runVerb({ command: 'audit', verbs, preset: 'ls' }, input, terminal);
  },
});
