import { variableNameOf } from '@banyan/config';
import type { CommandInput } from '../command-line.ts';
import { wrong } from '../event-verbs/verb.ts';
import type { Terminal } from '../terminal.ts';
import { serve } from './serve.ts';

/** `banyan sidecar`: serves one service whose work is done by a plain service beside it. */
export async function sidecar({ options, positionals }: CommandInput, terminal: Terminal): Promise<number> {
  const [service, ...others] = positionals;
  if (service === undefined || others.length > 0) throw wrong('Name one service: banyan sidecar NAME.');
  const given = { upstream: options['upstream'], outgoingPort: options['outgoing'] };
  const variables = Object.entries(given).flatMap(([property, value]) =>
    typeof value === 'string' ? [[variableNameOf(service, property), value]] : [],
  );
  const environment = { ...terminal.environment, ...Object.fromEntries(variables) };
  return serve({ options, positionals }, { ...terminal, environment });
}
