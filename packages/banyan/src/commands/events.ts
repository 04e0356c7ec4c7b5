import { defineCommand } from '../command.ts';
import { audit } from '../event-verbs/audit.ts';
import { dead, discard, edit, retry, show } from '../event-verbs/dead-letters.ts';
import { replay, republish } from '../event-verbs/replays.ts';
import { status } from '../event-verbs/status.ts';
import { runVerb } from '../run-verb.ts';
import { by, data, dir, json } from '../shared-options.ts';

const verbs = { status, dead, show, retry, edit, discard, republish, replay, audit };

export const events = defineCommand({
  name: 'events',
  usage: 'banyan events VERB [NAME] [ID…] [options]',
  summary: 'Look after events: status, dead, show, retry, edit, discard, republish, replay, audit.',
  options: {
    dir,
    data,
    all: {
      type: 'boolean',
      summary: 'retry, discard: every dead letter of the service. republish: every service.',
    },
    'late-after': {
      type: 'string',
      value: 'DURATION',
      summary: 'status: what waits for longer is late (30s, 5m). Default: 30s to publish, 1m to handle.',
    },
    since: {
      type: 'string',
      value: 'TIME',
      summary: 'republish: events committed since then (2026-11-21T08:00:00Z, or 30s, 15m, 2h, 1d ago).',
    },
    from: {
      type: 'string',
      value: 'TIME',
      summary: "replay: where to begin: 'start', or a time as for --since.",
    },
    topic: {
      type: 'string',
      value: 'A.B,…',
      summary: 'replay: these topics. Default: all of the service.',
    },
    file: { type: 'string', value: 'FILE', summary: 'edit: the new data as JSON; - reads standard input.' },
    by,
    limit: { type: 'string', value: 'N', summary: 'dead, audit: at most so many. Default: 50.' },
    json,
    yes: { type: 'boolean', summary: 'Do not ask.' },
  },
  run(input, terminal) {
    return runVerb({ command: 'events', verbs, preset: 'status' }, input, terminal);
  },
});
