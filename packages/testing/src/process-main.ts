/** A process that hosts parts of a system until it is killed, or whoever started it is gone. */
import { once } from 'node:events';
import { type System, servicesOf } from '@banyan/chassis';
import { readAllConfig } from '@banyan/config';
import { type HostPlan, openHost } from './open-host.ts';

type Given = 'parts' | 'urls' | 'secret' | 'dataFolder' | 'development' | 'harsh' | 'instance';

export interface ProcessPlan extends Required<Pick<HostPlan, Given>> {
  /** URL of the module whose default export is the system. */
  readonly systemUrl: string;
  readonly environment: Readonly<Record<string, string>>;
}

/** What it says when its parts are ready. */
export interface ProcessReady {
  readonly publicUrl?: string | undefined;
}

process.on('disconnect', () => process.exit());
process.send?.('loaded');
const [{ systemUrl, environment, ...plan }] = (await once(process, 'message')) as [ProcessPlan];
const { default: system } = (await import(systemUrl)) as { readonly default: System };
const configuration = readAllConfig(servicesOf(system, plan.development), environment);
const { host } = await openHost({ ...plan, system, configuration, registry: 'shared' });
const ready: ProcessReady = await host.start();
process.send?.(ready);
