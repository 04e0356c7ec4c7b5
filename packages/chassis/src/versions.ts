import { compareVersions, type Destination, fitsVersion, majorOf } from '@banyan/discovery';
import type { Service } from './service.ts';

/** The services that keep the contract of that name, the newest version first: several if versions of it run side by side. */
export function keepersOf(services: Iterable<Service>, contractName: string): readonly Service[] {
  return [...services]
    .filter(({ contract }) => contract.name === contractName)
    .sort((left, right) => compareVersions(right.contract.version, left.contract.version));
}

/** The newest of `keepers` that may answer; undefined if none of this system's may, though another one's instances perhaps do. */
export function keeperFor(keepers: readonly Service[], { version }: Destination): Service | undefined {
  if (version === undefined) return keepers[0];
  return keepers.find(({ contract }) => fitsVersion(contract.version, version));
}

/** Whose contract describes the calls: that of the keeper, or of the one that is compatible with what it does not know. */
export function contractKeeperFor(keepers: readonly Service[], to: Destination): Service | undefined {
  const { version } = to;
  return (
    keeperFor(keepers, to) ??
    keepers.find(({ contract }) => majorOf(contract.version) === majorOf(version ?? '')) ??
    keepers[0]
  );
}

/**
 * What a caller that uses `version` may be sent to, if no rule says otherwise: versions of one major number are compatible. Where the system runs several of
 * those, it is the newest one, wherever it runs.
 */
export function compatibleWith(keepers: readonly Service[], version: string): string {
  const major = majorOf(version);
  const [newest, ...others] = keepers.filter(({ contract }) => majorOf(contract.version) === major);
  return newest === undefined || others.length === 0 ? major : newest.contract.version;
}

/** What is wrong with several versions of one contract in one system, with the fix. */
export function versionProblems(all: readonly Service[]): string[] {
  const problems: string[] = [];
  for (const [name, keepers] of Map.groupBy(all, ({ contract }) => contract.name)) {
    const seen = new Map<string, Service>();
    for (const keeper of keepers) {
      const { version } = keeper.contract;
      const other = seen.get(version);
      if (other !== undefined && other.name !== keeper.name)
        problems.push(
          `'${keeper.name}' and '${other.name}' both keep '${name}' ${version}; remove one, or give a stand-in of 'development' the name of the service whose place it takes.`,
        );
      seen.set(version, keeper);
      if (keeper.name === name) continue;
      if (all.some(({ name: taken, contract }) => contract.name === keeper.name && taken !== keeper.name))
        problems.push(`'${keeper.name}' is the name of another contract; give that version another name.`);
      const told = [...Object.keys(keeper.contract.events), ...Object.keys(keeper.contract.messages)];
      // Consumers and senders know a service by its contract, and find one outbox and one inbox under that name.
      if (told.length > 0)
        problems.push(
          `'${keeper.name}' is a further version of '${name}' and has ${told.join(', ')}: only the service that has the contract's name can have events and messages.`,
        );
    }
  }
  return problems;
}
