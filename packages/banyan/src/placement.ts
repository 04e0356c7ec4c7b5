import { ServiceError } from '@banyan/core';

/** Which parts (services, and `gateway`) run in one process together: each part is in exactly one group. */
export type Placement = readonly (readonly string[])[];

export interface PlacementOptions {
  readonly split?: boolean | undefined;
  /** Parts that get a process of their own, comma separated. */
  readonly own?: string | undefined;
  /** Groups separated by `/`, parts by commas, `*` for all the rest: `printing/orders,payments/*`. */
  readonly groups?: string | undefined;
}

/**
 * Turns flags into groups. Without any, everything runs in one process.
 * @throws ServiceError `invalid_argument` `invalid_placement` naming the unknown or repeated part, or flags that contradict
 */
export function parsePlacement(parts: readonly string[], options: PlacementOptions): Placement {
  const given = [options.split === true, options.own !== undefined, options.groups !== undefined];
  if (given.filter(Boolean).length > 1) {
    throw invalidPlacement("Use one of '--split', '--own' and '--groups'.");
  }
  if (options.split === true) return parts.map((part) => [part]);
  if (options.own !== undefined) {
    return parseGroups(parts, [...namesIn(options.own).map((name) => [name]), ['*']]);
  }
  if (options.groups !== undefined) return parseGroups(parts, options.groups.split('/').map(namesIn));
  return [parts];
}

function parseGroups(parts: readonly string[], groups: readonly (readonly string[])[]): Placement {
  const seen = new Set<string>();
  for (const name of groups.flat()) {
    if (name !== '*' && !parts.includes(name)) {
      throw invalidPlacement(`There is no '${name}' to place; the system has ${parts.join(', ')}.`);
    }
    if (seen.has(name)) throw invalidPlacement(`'${name}' is placed twice.`);
    seen.add(name);
  }
  const rest = parts.filter((part) => !seen.has(part));
  const named = groups.some((group) => group.includes('*')) ? groups : [...groups, ['*']];
  return named
    .map((group) => group.flatMap((name) => (name === '*' ? rest : [name])))
    .filter((group) => group.length > 0);
}

function namesIn(list: string): string[] {
  return list
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '');
}

function invalidPlacement(message: string): ServiceError {
  return new ServiceError(message, { code: 'invalid_argument', reason: 'invalid_placement' });
}
