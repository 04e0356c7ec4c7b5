import type { EdgeRoute } from '@banyan/chassis';
import { ServiceError } from '@banyan/core';
import {
  admits,
  type Destination,
  destinationText,
  fitsVersion,
  type Instance,
  majorOf,
  type ServiceTraffic,
  type TrafficRules,
} from '@banyan/discovery';

export interface KnownTraffic {
  readonly routes: readonly EdgeRoute[];
  readonly running: readonly Instance[];
}

/**
 * Refuses rules about what is not exposed, and those that would send requests where nobody is.
 * @throws ServiceError `invalid_argument` `invalid_traffic_rules`
 */
export function checkTrafficRules({ services, routes, moved = {} }: TrafficRules, known: KnownTraffic): void {
  const names = new Set(known.routes.map(({ service, operation }) => `${service}.${operation}`));
  for (const route of Object.keys(routes)) {
    if (!names.has(route))
      throw refusedRules(`'${route}' is not exposed; there are ${[...names].join(', ')}`);
  }
  const forwardings = new Set(known.routes.flatMap(({ forwarding }) => forwarding ?? []));
  for (const forwarding of Object.keys(moved)) {
    if (!forwardings.has(forwarding))
      throw refusedRules(
        `no operation can take over from '${forwarding}'; there are ${[...forwardings].join(', ') || 'none'}`,
      );
  }
  for (const [service, rule] of Object.entries(services)) {
    const versions = new Set(
      known.routes.filter((route) => route.service === service).map((route) => route.version),
    );
    if (versions.size === 0) throw refusedRules(`no operation of '${service}' is exposed`);
    const running = known.running.filter((instance) => instance.service === service);
    for (const to of destinationsOf(rule))
      checkDestination(service, to, { versions: [...versions], running });
  }
}

export function refusedRules(why: string): ServiceError {
  return new ServiceError(`Nothing was changed: ${why}.`, {
    code: 'invalid_argument',
    reason: 'invalid_traffic_rules',
  });
}

function destinationsOf({
  matches = [],
  current,
  weights = [],
  watch,
}: ServiceTraffic): readonly Destination[] {
  return [
    ...matches.map(({ to }) => to),
    ...(current === undefined ? [] : [{ version: current }]),
    // Nothing is sent where the weight is 0, so nobody has to be there.
    ...weights.filter(({ weight }) => weight > 0),
    ...(watch === undefined ? [] : [{ version: watch.back }]),
  ];
}

function checkDestination(
  service: string,
  to: Destination,
  { versions, running }: { readonly versions: readonly string[]; readonly running: readonly Instance[] },
): void {
  const { version: wanted } = to;
  const isExposed =
    wanted === undefined ||
    versions.some((version) => fitsVersion(version, wanted) || majorOf(version) === majorOf(wanted));
  if (!isExposed)
    throw refusedRules(
      `'${service}' ${wanted} is not exposed, and compatible with nothing that is; there are ${versions.join(', ')}`,
    );
  if (running.length > 0 && !running.some((instance) => admits(to, instance)))
    throw refusedRules(
      `no instance of '${service}' runs that would answer for ${destinationText(to)}; there are ${listRunning(running)}`,
    );
}

function listRunning(running: readonly Instance[]): string {
  const texts = running.map(({ version, metadata }) =>
    destinationText({
      version,
      ...(metadata?.['label'] === undefined ? undefined : { label: metadata['label'] }),
    }),
  );
  return [...new Set(texts)].join(', ');
}
