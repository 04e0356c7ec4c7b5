import { operationsApi, telemetryApi } from '@banyan/console-api';
import type { InputOf, OutputOf } from '@banyan/contract';
import { isServiceError } from '@banyan/core';
import { defineCommand } from '../command.ts';
import { type ConsoleClient, findConsole } from '../console/console-client.ts';
import { ms, percent, rate } from '../console/figures.ts';
import { data, dir, json } from '../shared-options.ts';
import { renderTable } from '../table.ts';

const { getMap, getStore } = telemetryApi.operations;
const { getSystem } = operationsApi.operations;

export type MapAnswer = OutputOf<typeof getMap.output>;
type StoreAnswer = OutputOf<typeof getStore.output>;
type SystemAnswer = OutputOf<typeof getSystem.output>;
type Window = InputOf<typeof getMap.input>;

/** `banyan status`: what runs, and how it did in the last minute, unless the telemetry of that cannot be read. */
export const status = defineCommand({
  name: 'status',
  usage: 'banyan status [options]',
  summary:
    'Show what runs, and how each service did in the last minute; asks the console, so in development.',
  options: { dir, data, json },
  async run(input, terminal) {
    const console = await findConsole(input, terminal);
    const [system, telemetry] = await Promise.all([
      console.ask(getSystem, {}).catch(unlessNotOffered),
      askTelemetry(console),
    ]);
    if (input.options.json === true) {
      terminal.write(`${JSON.stringify({ console: console.url, system, ...telemetry }, null, 2)}\n`);
    } else {
      terminal.write(renderStatus(system, telemetry.map));
      terminal.write(`\nTelemetry  ${describeTelemetry(telemetry)}\nConsole    ${console.url}/\n`);
    }
    return telemetry.missing === undefined ? 0 : 1;
  },
});

/** Why there are no figures. */
interface Missing {
  readonly reason: string;
  readonly message: string;
}

type Telemetry =
  | { readonly map: MapAnswer; readonly store: StoreAnswer; readonly missing?: undefined }
  | { readonly missing: Missing; readonly map?: undefined };

async function askTelemetry(console: ConsoleClient): Promise<Telemetry> {
  try {
    const [map, store] = await Promise.all([console.ask(getMap, lastMinute()), console.ask(getStore, {})]);
    return { map, store };
  } catch (error) {
    return { missing: whyMissing(error) };
  }
}

/** @throws the error if it does not come from the console: without that nothing is known at all */
function whyMissing(error: unknown): Missing {
  if (!isServiceError(error) || error.reason === 'not_running') throw error;
  return { reason: error.reason, message: error.message };
}

/** For a person, in the place of figures. @throws as `whyMissing` */
export function sayMissing(error: unknown): string {
  return textOf(whyMissing(error));
}

function textOf({ reason, message }: Missing): string {
  return `no figures: ${message} (${reason})`;
}

function describeTelemetry(telemetry: Telemetry): string {
  if (telemetry.missing !== undefined) return textOf(telemetry.missing);
  const { store } = telemetry;
  const shed = Object.values(store.signals).reduce((sum, signal) => sum + signal.shed, 0);
  const kept = `${(store.bytes / 1024 ** 2).toFixed(0)} of ${(store.maxBytes / 1024 ** 2).toFixed(0)} MB`;
  const trouble = [store.isWriting ? '' : ', not writing', shed === 0 ? '' : `, ${shed} items shed`].join('');
  return `${kept}${trouble}`;
}

export function lastMinute(): Window {
  return { from: new Date(Date.now() - 60_000).toISOString() };
}

function unlessNotOffered(error: unknown): undefined {
  if (!isServiceError(error) || error.reason !== 'not_offered') throw error;
  return undefined;
}

function stateOf({ isHealthy, delayMs }: SystemAnswer['services'][number]): string {
  if (!isHealthy) return 'not ready';
  return delayMs === undefined ? 'ready' : `slowed ${delayMs} ms`;
}

/** Services by name, with the figures of the last minute if there are any. */
export function renderStatus(system: SystemAnswer | undefined, map: MapAnswer | undefined): string {
  const known = new Map(system?.services.map((service) => [service.name, service]));
  const seen = new Map(
    map?.services.filter(({ kind }) => kind === 'service').map((each) => [each.name, each]),
  );
  // By its own name the system tells what belongs to no service.
  if (system !== undefined && !known.has(system.name)) seen.delete(system.name);
  const names = [...new Set([...known.keys(), ...seen.keys()])].sort();
  const rows = names.map((name) => {
    const service = known.get(name);
    const traffic = seen.get(name);
    return [
      name,
      service?.version ?? traffic?.version ?? '',
      service === undefined ? '' : stateOf(service),
      service === undefined ? '' : String(service.instances.length),
      rate(traffic?.perSecond),
      percent(traffic),
      ms(traffic?.p50Ms),
      ms(traffic?.p99Ms),
    ];
  });
  return renderTable(['service', 'version', 'state', 'instances', 'req/s', 'errors', 'p50', 'p99'], rows);
}
