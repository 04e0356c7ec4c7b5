import { readFileSync } from 'node:fs';
import path from 'node:path';
import { isOurs, runtimeDependencies, type Workspace } from '../workspace/manifests.ts';

export interface Layers {
  /** Folder names of packages, the lowest row first. */
  readonly rows: readonly (readonly string[])[];
}

export function readLayers(root: string): Layers {
  return JSON.parse(readFileSync(path.join(root, 'architecture.json'), 'utf8')) as Layers;
}

/** Every package stands in one row of the table, and depends on packages of lower rows only. */
export function checkLayers(layers: Layers, packages: readonly Workspace[]): readonly string[] {
  const problems: string[] = [];
  const rowOf = new Map(layers.rows.flatMap((row, index) => row.map((name) => [name, index] as const)));
  if (rowOf.size < layers.rows.flat().length)
    problems.push('architecture.json: a package stands in two rows.');
  const folders = new Set(packages.map((each) => each.folder));
  for (const name of rowOf.keys()) {
    if (!folders.has(name))
      problems.push(`architecture.json: there is no packages/${name}; remove it from the table.`);
  }
  for (const each of packages) {
    const row = rowOf.get(each.folder);
    if (row === undefined) {
      problems.push(`packages/${each.folder}: give it a row in architecture.json.`);
      continue;
    }
    if (each.manifest.name !== `@banyan/${each.folder}`) {
      problems.push(`packages/${each.folder}: its name must be @banyan/${each.folder}.`);
    }
    for (const dependency of runtimeDependencies(each.manifest).filter(isOurs)) {
      const target = rowOf.get(dependency.slice('@banyan/'.length));
      if (target === undefined || target < row) continue;
      const where = target === row ? 'in the same row' : 'in a higher row';
      problems.push(
        `packages/${each.folder}: may not depend on ${dependency}, which is ${where}; imports go strictly down.`,
      );
    }
  }
  return problems;
}

/** All workspaces and their dependencies on each other carry one version. */
export function checkVersions(workspaces: readonly Workspace[]): readonly string[] {
  const version = workspaces[0]?.manifest.version;
  return workspaces.flatMap(({ manifest }) => {
    const problems =
      manifest.version === version
        ? []
        : [`${manifest.name}: has version ${manifest.version}, others ${version}.`];
    const ours = { ...manifest.devDependencies, ...manifest.dependencies };
    for (const [name, range] of Object.entries(ours)) {
      if (isOurs(name) && range !== version)
        problems.push(`${manifest.name}: asks for ${name} ${range}, which is ${version}.`);
    }
    return problems;
  });
}
