import { majorOf } from '@banyan/discovery';
import type { Service } from './service.ts';
import type { Edge, EdgeRoute, System } from './system.ts';
import { keepersOf } from './versions.ts';

/** Names that the platform itself calls with. */
const reservedNames = ['gateway', 'banyan', 'console', 'supervisor'];

/** Names that are taken or not fit, and stand-ins that cannot take the place of the service of their name. */
export function namingProblems({
  name,
  services,
  development,
}: Pick<System, 'name' | 'services' | 'development'>): readonly string[] {
  const problems: string[] = [];
  if (!/^[a-z][a-z0-9-]{0,39}$/.test(name)) {
    problems.push(`name it in kebab-case, at most 40 characters; '${name}' is not.`);
  }
  for (const each of [...services, ...development]) {
    if (reservedNames.includes(each.name))
      problems.push(`'${each.name}' is a name of the platform; rename the service.`);
  }
  return [
    ...problems,
    ...duplicateProblems(services),
    ...duplicateProblems(development),
    ...standInProblems(services, development),
  ];
}

function duplicateProblems(services: readonly Service[]): readonly string[] {
  return [...Map.groupBy(services, ({ name }) => name)]
    .filter(([, named]) => named.length > 1)
    .map(([name]) => `two services are named '${name}'; rename the contract of one.`);
}

/** Callers are built and tested against the stand-in: it must keep what the service in production keeps. */
function standInProblems(services: readonly Service[], development: readonly Service[]): readonly string[] {
  const problems: string[] = [];
  for (const standIn of development) {
    const real = services.find(({ name }) => name === standIn.name);
    if (real === undefined || kept(real) === kept(standIn)) continue;
    problems.push(
      `'${standIn.name}' of 'development' takes the place of the service of that name and keeps ${kept(standIn)}, but that one keeps ${kept(real)}; let both keep the same version of one contract.`,
    );
  }
  return problems;
}

function kept({ contract }: Service): string {
  return `'${contract.name}' ${contract.version}`;
}

/** What services and the gateway use and none of `all` keeps, with the fix. */
export function keeperProblems(
  all: readonly Service[],
  { services, development = [], gateway }: Asking,
): readonly string[] {
  const problems = [...services, ...development].flatMap((each) => usesProblems(all, each));
  for (const used of gateway?.uses ?? []) {
    if (keepersOf(all, used.name).length > 0) continue;
    problems.push(
      `the gateway exposes or asks '${used.name}', which no service of the system keeps; add it to 'services'.`,
    );
  }
  return problems;
}

interface Asking {
  readonly services: readonly Service[];
  readonly development?: readonly Service[];
  readonly gateway: Edge | undefined;
}

function usesProblems(all: readonly Service[], { name, uses }: Service): readonly string[] {
  return Object.values(uses).flatMap((used) => {
    const versions = keepersOf(all, used.name).map(({ contract }) => contract.version);
    if (versions.length === 0)
      return `service '${name}' uses '${used.name}', which no service of the system keeps; add it to 'services'.`;
    if (versions.some((version) => majorOf(version) === majorOf(used.version))) return [];
    return `service '${name}' uses '${used.name}' ${used.version}, but the system has ${versions.join(', ')}.`;
  });
}

/** Routes of different services that want one path. */
export function routeProblems(gateway: Edge | undefined): readonly string[] {
  const problems: string[] = [];
  const taken = new Map<string, EdgeRoute>();
  for (const route of gateway?.routes ?? []) {
    const shape = `${route.method} ${route.path.replaceAll(/:[^/]+/g, ':')}`;
    const other = taken.get(shape);
    // Versions of one service share their paths.
    if (other !== undefined && (other.service !== route.service || other.version === route.version)) {
      problems.push(
        `'${route.service}.${route.operation}' and '${other.service}.${other.operation}' both want ${route.method} ${route.path}; change one path.`,
      );
    }
    taken.set(shape, route);
  }
  return problems;
}
