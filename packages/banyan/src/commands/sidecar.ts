import { variableNameOf } from '@banyan/config';
import { defineCommand } from '../command.ts';
import { wrong } from '../event-verbs/verb.ts';
import { dir, production } from '../shared-options.ts';
import { serve } from './serve.ts';

/** `banyan sidecar`: serves one service whose work is done by a plain service beside it. */
export const sidecar = defineCommand({
  name: 'sidecar',
  usage: 'banyan sidecar NAME [options]',
  summary: 'Run the sidecar of a service that is written in another language.',
  options: {
    dir,
    upstream: {
      type: 'string',
      value: 'URL',
      summary: 'Where the plain service listens, on loopback. Default: <NAME>_UPSTREAM.',
    },
    outgoing: {
      type: 'string',
      value: 'N',
      summary: 'Local port through which it calls others. Default: <NAME>_OUTGOING_PORT, else none.',
    },
    port: { type: 'string', value: 'N', summary: 'Port. Default: PORT, else any free one.' },
    production,
  },
  async run({ options, positionals }, terminal) {
    const [service, ...others] = positionals;
    if (service === undefined || others.length > 0) throw wrong('Name one service: banyan sidecar NAME.');
    const given = { upstream: options.upstream, outgoingPort: options.outgoing };
    const variables = Object.entries(given).flatMap(([property, value]) =>
      value === undefined ? [] : [[variableNameOf(service, property), value]],
    );
    const environment = { ...terminal.environment, ...Object.fromEntries(variables) };
    return serve.run({ options, positionals }, { ...terminal, environment });
  },
});
