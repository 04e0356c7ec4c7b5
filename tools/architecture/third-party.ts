import { readFileSync } from 'node:fs';
import path from 'node:path';
import { isOurs, runtimeDependencies, type Workspace } from '../workspace/manifests.ts';
import { filesBelow } from '../workspace/source-files.ts';

/** Every package that users get installed from others has its reason in a decision record, as a table row that begins with `` `name` ``. */
export function checkThirdParty(root: string, workspaces: readonly Workspace[]): readonly string[] {
  const records = filesBelow(path.join(root, 'docs', 'decisions'), '.md')
    .map((file) => readFileSync(file, 'utf8'))
    .join('\n');
  const explained = [...records.matchAll(/^\| `(?<name>[^`]+)`/gm)].map(
    (match) => match.groups?.['name'] ?? '',
  );
  const isExplained = (name: string) =>
    explained.some((each) => (each.endsWith('/*') ? name.startsWith(each.slice(0, -1)) : name === each));
  return workspaces.flatMap((each) =>
    runtimeDependencies(each.manifest)
      .filter((name) => !isOurs(name) && !isExplained(name))
      .map(
        (name) =>
          `${each.manifest.name}: write the reason for ${name} into a decision record (docs/decisions).`,
      ),
  );
}
