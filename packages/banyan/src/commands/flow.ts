import { defineCommand } from '../command.ts';
import { audit, dismiss, ls, show } from '../flow-verbs/verbs.ts';
import { runVerb } from '../run-verb.ts';
import { by, data, dir, json } from '../shared-options.ts';

const verbs = { ls, show, dismiss, audit };

export const flow = defineCommand({
  name: 'flow',
  usage: 'banyan flow VERB NAME [FLOW] [KEY] [options]',
  summary: 'Look at the flows that a service watches: ls, show, dismiss, audit.',
  options: {
    dir,
    data,
    status: { type: 'string', value: 'STATUS', summary: 'ls: open, failing, completed, failed, late.' },
    after: { type: 'string', value: 'CURSOR', summary: 'ls: the next page, as the one before names it.' },
    svg: { type: 'string', value: 'FILE', summary: 'show: draw the path that it took into an SVG file.' },
    by,
    limit: { type: 'string', value: 'N', summary: 'ls, audit: at most so many, up to 1000. Default: 50.' },
    json,
  },
  run(input, terminal) {
    return runVerb({ command: 'flow', verbs, preset: 'ls' }, input, terminal);
  },
});
