import path from 'node:path';
import { checkPackageImports, checkSystemImports } from './architecture/imports-rules.ts';
import { checkLayers, checkVersions, type Layers, readLayers } from './architecture/layers.ts';
import { checkThirdParty } from './architecture/third-party.ts';
import { isOurs, readWorkspaces, runtimeDependencies, type Workspace } from './workspace/manifests.ts';

const root = path.resolve(process.argv[2] ?? path.dirname(import.meta.dirname));
const layers = readLayers(root);
const packages = readWorkspaces(root, 'packages');
const systems = [...readWorkspaces(root, 'systems'), ...readWorkspaces(root, 'apps')];
const problems = [
  ...checkLayers(layers, packages),
  ...checkVersions([...packages, ...systems]),
  ...packages.flatMap((each) => checkPackageImports(root, each, packages)),
  ...systems.flatMap((each) => checkSystemImports(root, each, packages)),
  ...checkThirdParty(root, [...packages, ...systems]),
];

for (const problem of problems) console.error(problem);
if (problems.length === 0) printTable(layers, packages);
process.exitCode = problems.length === 0 ? 0 : 1;

/** One line for each row, the highest first; behind each package the number of packages from others that it brings along. */
function printTable({ rows }: Layers, all: readonly Workspace[]): void {
  const others = new Map(
    all.map((each) => [
      each.folder,
      runtimeDependencies(each.manifest).filter((name) => !isOurs(name)).length,
    ]),
  );
  for (const [index, row] of [...rows.entries()].reverse()) {
    console.log(
      `${index}  ${row.map((name) => (others.get(name) ? `${name} +${others.get(name)}` : name)).join(' · ')}`,
    );
  }
}
