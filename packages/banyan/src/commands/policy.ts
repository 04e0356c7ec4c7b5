import { defineCommand } from '../command.ts';
import { check } from '../policy-verbs/check.ts';
import { explain, explainFile } from '../policy-verbs/explain.ts';
import { history, ls, revert, set, show } from '../policy-verbs/operate.ts';
import { runVerb } from '../run-verb.ts';
import { data, dir, json } from '../shared-options.ts';

const verbs = { ls, show, set, history, revert, explain };

/** `banyan policy`. What needs no running system does not look for one. */
export const policy = defineCommand({
  name: 'policy',
  usage: 'banyan policy VERB [OPERATION | VERSION] [options]',
  summary: 'Say who may call what while the system runs: ls, show, check, set, history, revert, explain.',
  options: {
    dir,
    data,
    file: {
      type: 'string',
      value: 'FILE',
      summary: 'check, set, explain: policies as JSON, or a module that has them; - reads standard input.',
    },
    why: { type: 'string', value: 'TEXT', summary: 'set, revert: the reason, for the history.' },
    by: { type: 'string', value: 'WHO', summary: 'Name for the history. Default: the user of this shell.' },
    version: {
      type: 'string',
      value: 'N',
      summary:
        'set, revert: refuse if another version than this one is in force, which somebody has set meanwhile.',
    },
    service: { type: 'string', value: 'NAME', summary: 'explain: who calls. Default: gateway.' },
    user: { type: 'string', value: 'ID', summary: 'explain: the end user. Default: nobody.' },
    scopes: { type: 'string', value: 'A,B', summary: "explain: the user's scopes." },
    input: { type: 'string', value: 'JSON', summary: 'explain: the input. Default: {}.' },
    limit: { type: 'string', value: 'N', summary: 'history: at most so many. Default: 50.' },
    json,
  },
  run(input, terminal) {
    const [verb] = input.positionals;
    if (verb === 'check') return check(input, terminal);
    if (verb === 'explain' && input.options.file !== undefined) return explainFile(input, terminal);
    return runVerb({ command: 'policy', verbs, preset: 'ls' }, input, terminal);
  },
});
