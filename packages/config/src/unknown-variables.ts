import type { ConfigSource, ConfiguredService } from './config.ts';
import { configProperties } from './config-properties.ts';
import { constantCase } from './variable-name.ts';

/** A variable that looks meant for a service and that nobody reads. */
export interface ConfigWarning {
  readonly service: string;
  readonly variable: string;
  /** The variable that was probably meant. */
  readonly suggestion: string | undefined;
  /** The whole warning in one line. */
  readonly message: string;
}

export interface UnknownVariablesOptions {
  readonly services: readonly ConfiguredService[];
  readonly source: ConfigSource;
  readonly known: readonly string[];
}

/** Variables with the prefix of a service that has a configuration, read by no service, in the order of the source. */
export function findUnknownVariables(options: UnknownVariablesOptions): readonly ConfigWarning[] {
  const owners = options.services.flatMap(({ name, config }) =>
    config === undefined
      ? []
      : [
          {
            service: name,
            prefix: `${constantCase(name)}_`,
            variables: configProperties(name, config).map(({ variable }) => variable),
          },
        ],
  );
  const read = new Set([...options.known, ...owners.flatMap(({ variables }) => variables)]);
  const warnings: ConfigWarning[] = [];
  for (const [variable, value] of Object.entries(options.source)) {
    if (read.has(variable) || isServiceLink(variable, value)) continue;
    // Of `photo` and `photo-print` the longer one owns PHOTO_PRINT_SIZE.
    const owner = owners
      .filter(({ prefix }) => variable.startsWith(prefix))
      .toSorted((left, right) => right.prefix.length - left.prefix.length)[0];
    if (owner !== undefined)
      warnings.push(warningOf(owner.service, variable, nearest(variable, owner.variables)));
  }
  return warnings;
}

function warningOf(service: string, variable: string, suggestion: string | undefined): ConfigWarning {
  const hint = suggestion === undefined ? '' : `; did you mean ${suggestion}?`;
  return {
    service,
    variable,
    suggestion,
    message: `${service}: ${variable} is set, but nothing reads it${hint}`,
  };
}

/** Kubernetes and Docker put the addresses of a service named `orders` into ORDERS_PORT, ORDERS_SERVICE_HOST and more. */
function isServiceLink(variable: string, value: string | undefined): boolean {
  return (
    /_SERVICE_(HOST|PORT)(_|$)|_PORT_\d+_(TCP|UDP|SCTP)(_|$)/.test(variable) ||
    (variable.endsWith('_PORT') && /^(tcp|udp|sctp):\/\//.test(value ?? ''))
  );
}

function nearest(variable: string, candidates: readonly string[]): string | undefined {
  let best: string | undefined;
  // A third of the letters may differ in short names, three in long ones.
  let bestDistance = Math.min(3, Math.floor(variable.length / 3)) + 1;
  for (const candidate of candidates) {
    if (Math.abs(candidate.length - variable.length) >= bestDistance) continue;
    const distance = editDistance(variable, candidate);
    if (distance < bestDistance) [best, bestDistance] = [candidate, distance];
  }
  return best;
}

/** Optimal string alignment: insert, delete, replace, or swap two neighbours. */
function editDistance(left: string, right: string): number {
  let before: number[] = [];
  let previous = Array.from({ length: right.length + 1 }, (_, index) => index);
  for (let row = 1; row <= left.length; row += 1) {
    const current = [row];
    for (let column = 1; column <= right.length; column += 1) {
      const differs = left[row - 1] === right[column - 1] ? 0 : 1;
      let cost = Math.min(
        (previous[column] ?? 0) + 1,
        (current[column - 1] ?? 0) + 1,
        (previous[column - 1] ?? 0) + differs,
      );
      const swapped = left[row - 1] === right[column - 2] && left[row - 2] === right[column - 1];
      if (row > 1 && column > 1 && swapped) cost = Math.min(cost, (before[column - 2] ?? 0) + 1);
      current.push(cost);
    }
    [before, previous] = [previous, current];
  }
  return previous[right.length] ?? 0;
}
