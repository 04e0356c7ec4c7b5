import { describeGraph, type Service, type System, servicesOf } from '@banyan/chassis';
import type { OperationsHandlers } from '@banyan/console-api';
import { ServiceError, systemClock } from '@banyan/core';
import type { Instance } from '@banyan/discovery';
import type { ProcessStatus } from '../supervised-process.ts';
import type { ControlledSystem, ProcessControl } from './controlled-system.ts';
import { notPossible } from './not-possible.ts';
import { readToldCircuits, type ToldCircuits, type ToldCircuitsOptions } from './told-circuits.ts';

export type SystemOperations = Pick<OperationsHandlers, 'getSystem' | 'controlService'>;

interface Known extends Pick<ToldCircuitsOptions, 'getMetric'> {
  readonly system: System;
  /** Those that run: without stand-ins in production. */
  readonly services: readonly Service[];
  readonly version: string;
  readonly development: boolean;
  readonly controlled: ControlledSystem;
  readonly runId: string | undefined;
  /** See `ConsolePlan`. */
  readonly instance: string;
  /** Of a system whose processes somebody else runs, instead of processes. */
  readonly instances?: (() => readonly Instance[]) | undefined;
}

type Action = Exclude<Parameters<SystemOperations['controlService']>[0]['action'], 'slow'>;

/** What runs where, and what an operator may do to it. */
export function createSystemOperations(known: Known): SystemOperations {
  const { system, controlled } = known;
  const graph = describeGraph(system, known.services);
  const circuits = readToldCircuits({ getMetric: known.getMetric, clock: systemClock });
  const versions = new Map(known.services.map(({ name, contract }) => [name, contract.version]));
  const into = (name: string, kind: 'call' | 'event') =>
    kind === 'call'
      ? graph.edges.filter((edge) => edge.from === name && edge.kind !== 'event').map(({ to }) => to)
      : graph.edges
          .filter((edge) => edge.to === name && edge.kind === 'event')
          .flatMap(({ from, labels }) => labels.map((label) => `${from}.${label}`));
  const flowsOf = (name: string) => ({
    calls: [...new Set(into(name, 'call'))],
    listensTo: [...new Set(into(name, 'event'))],
  });
  return {
    async getSystem(_, asker) {
      const processes = controlled.processes();
      const registered = known.instances && registeredServices(known, known.instances(), circuits(asker));
      const url = controlled.publicUrl();
      return {
        name: system.name,
        version: known.version,
        development: known.development,
        by: asker.by,
        ...(known.runId === undefined ? undefined : { runId: known.runId }),
        ...(url === undefined ? undefined : { publicUrl: url }),
        services:
          registered?.map((each) => ({ ...each, ...flowsOf(each.name) })) ??
          processes.flatMap((each, index) =>
            each.parts.map((name) => ({
              name,
              version: versions.get(name) ?? '',
              group: `process ${index + 1}`,
              isHealthy: each.state === 'ready',
              instances: [instanceOf(`${name}-${known.instance}`, versions.get(name) ?? '', each)],
              breakers: each.circuits
                .filter(({ from }) => from === name)
                .map(({ to, version, state }) => ({
                  to,
                  state,
                  ...(version === undefined ? {} : { version }),
                })),
              ...(each.delaysMs.has(name) ? { delayMs: each.delaysMs.get(name) } : undefined),
              ...flowsOf(name),
            })),
          ),
      };
    },
    async controlService({ service, action, delayMs = 0 }) {
      if (!known.development) throw notPossible('Processes are controlled from here in development alone.');
      const processes = controlled.processes();
      const group = processes.find(({ parts }) => parts.includes(service));
      if (group === undefined) {
        throw new ServiceError(`The system has no '${service}'.`, {
          code: 'not_found',
          reason: 'no_service',
        });
      }
      if (action === 'slow') {
        await slow(controlled, service, delayMs);
        return {};
      }
      const { control } = controlled;
      if (control === undefined)
        throw notPossible('The whole system runs in one process. Start it with --split, --own or --groups.');
      await actions[action](control, service, { group, processes });
      return {};
    },
  };
}

/** Nothing is known of a system that runs as one process: it is in no registry. Nor is a gateway, but it may have told of its circuits. */
function registeredServices(
  { system, development }: Known,
  instances: readonly Instance[],
  circuits: ToldCircuits,
) {
  const gateways =
    system.gateway === undefined || !circuits.has('gateway')
      ? []
      : [{ name: 'gateway', version: '', group: 'elsewhere', isHealthy: true, instances: [] }];
  const services = servicesOf(system, development).map(({ name, contract: { version } }) => {
    const own = instances.filter((each) => each.service === name);
    return {
      name,
      version,
      group: own[0]?.url ?? 'elsewhere',
      isHealthy: own.length > 0 || instances.length === 0,
      instances: own.map((each) => ({
        id: each.id,
        state: 'ready',
        url: each.url,
        version: each.version,
        startedAt: each.startedAt,
      })),
    };
  });
  return [...gateways, ...services].map((each) => ({
    ...each,
    breakers: (circuits.get(each.name) ?? [])
      .filter(({ isOpen }) => isOpen)
      .map(({ to }) => ({ to, state: 'open' as const })),
  }));
}

async function slow(controlled: ControlledSystem, service: string, delayMs: number): Promise<void> {
  if (service === 'gateway') throw notPossible('The gateway cannot be slowed: slow a service behind it.');
  const isRunning = await controlled.slow(service, delayMs);
  if (!isRunning) throw notPossible(`'${service}' does not run now.`);
}

interface Found {
  /** That the part is in. */
  readonly group: ProcessStatus;
  readonly processes: readonly ProcessStatus[];
}

const actions: Record<
  Exclude<Action, 'slow'>,
  (control: ProcessControl, part: string, found: Found) => Promise<void>
> = {
  stop: (control, part) => control.end(part),
  start: (control, part) => control.begin(part),
  restart: (control, part) => control.restart(part),
  pause: (control, part) => control.pause(part),
  resume: (control, part) => control.resume(part),
  async split(control, part, { group: { parts } }) {
    if (parts.length === 1) throw notPossible(`'${part}' has a process of its own already.`);
    await control.split(part);
  },
  async merge(control, part, { processes }) {
    if (processes.length === 1) throw notPossible(`There is no other process to merge '${part}' into.`);
    await control.merge(part);
  },
};

function instanceOf(id: string, version: string, { state, pid, restarts, startedAt }: ProcessStatus) {
  return {
    id,
    state,
    ...(pid === undefined ? undefined : { pid }),
    version,
    ...(startedAt === undefined ? undefined : { startedAt }),
    restarts,
  };
}
