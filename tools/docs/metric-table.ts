import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import type { Workspace } from '../workspace/manifests.ts';
import { filesBelow } from '../workspace/source-files.ts';

const page = 'docs/reference/metrics.md';
const defines = /[\w)]\s*\.(?:counter|gauge|histogram)\(/;
const named = /'((?:banyan|process|nodejs)_[a-z0-9_]+)'/g;
const row = /^\| `((?:banyan|process|nodejs)_[a-z0-9_]+)` \|/gm;

/** Every metric that a package defines is in the tables of the page, and nothing else is. */
export function checkMetrics(root: string, packages: readonly Workspace[]): readonly string[] {
  const table = path.join(root, page);
  const text = existsSync(table) ? readFileSync(table, 'utf8') : '';
  const listed = new Set([...text.matchAll(row)].map(([, name = '']) => name));
  const defined = new Map<string, string>();
  for (const file of packages.flatMap((each) => filesBelow(path.join(each.path, 'src'), '.ts'))) {
    const source = readFileSync(file, 'utf8');
    if (!defines.test(source)) continue;
    for (const [, name = ''] of source.matchAll(named)) defined.set(name, path.relative(root, file));
  }
  return [
    ...[...defined]
      .filter(([name]) => !listed.has(name))
      .map(([name, file]) => `${file}: the metric '${name}' is not in ${page}`),
    ...[...listed]
      .filter((name) => !defined.has(name))
      .map((name) => `${page}: no package defines the metric '${name}'`),
  ];
}
