import { existsSync, readdirSync } from 'node:fs';
import path from 'node:path';

const skipped = new Set(['node_modules', 'dist', 'coverage', 'fixtures', 'results']);

/** All files below `folder` whose name ends with `ending`, sorted; nothing installed, built, hidden or made to be wrong. */
export function filesBelow(folder: string, ending: string): readonly string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { withFileTypes: true })
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .flatMap((entry) => {
      if (skipped.has(entry.name) || entry.name.startsWith('.')) return [];
      const full = path.join(folder, entry.name);
      if (entry.isDirectory()) return filesBelow(full, ending);
      return entry.name.endsWith(ending) ? [full] : [];
    });
}
