import { sagaStatuses } from '@banyan/saga';
import { defineCommand } from '../command.ts';
import { runVerb } from '../run-verb.ts';
import { check } from '../saga-verbs/check.ts';
import { audit, ls, show } from '../saga-verbs/look.ts';
import { cancel, repair, retry, skip } from '../saga-verbs/operate.ts';
import { by, data, dir, json } from '../shared-options.ts';

const verbs = { ls, show, retry, skip, cancel, repair, check, audit };

export const saga = defineCommand({
  name: 'saga',
  usage: 'banyan saga VERB NAME [ID] [options]',
  summary: 'Look after sagas: ls, show, retry, skip, cancel, repair, check, audit.',
  options: {
    dir,
    data,
    status: {
      type: 'string',
      value: 'STATUS',
      summary: `ls: ${sagaStatuses.join(', ')}.`,
    },
    svg: { type: 'string', value: 'FILE', summary: 'show: draw the path that it took into an SVG file.' },
    file: {
      type: 'string',
      value: 'FILE',
      summary:
        "repair: the step's result as JSON; - reads standard input. check: sagas that 'ls --json' wrote.",
    },
    by,
    limit: { type: 'string', value: 'N', summary: 'ls, audit: at most so many. Default: 50.' },
    json,
  },
  run(input, terminal) {
    return runVerb({ command: 'saga', verbs, preset: 'ls' }, input, terminal);
  },
});
