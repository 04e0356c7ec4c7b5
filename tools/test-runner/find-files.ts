import { existsSync, readdirSync } from 'node:fs';
import path from 'node:path';

/**
 * The test files of the repository, sorted: packages, then systems, then what concerns all of them. `test/types` is for the
 * compiler alone.
 * @param paths keeps what lies at or below one of them; empty keeps everything
 * @throws RangeError naming a path without any test file
 */
export function findTestFiles(root: string, paths: readonly string[]): readonly string[] {
  const all = [
    ...childrenOf(path.join(root, 'packages')).flatMap((folder) => testFilesBelow(path.join(folder, 'test'))),
    ...childrenOf(path.join(root, 'systems')).flatMap(testFilesBelow),
    ...testFilesBelow(path.join(root, 'test')),
  ].filter((file) => !file.startsWith(path.join(root, 'test', 'types')));
  if (paths.length === 0) return all;
  const kept = paths.flatMap((wanted) => {
    const full = path.resolve(root, wanted);
    const below = all.filter((file) => file === full || file.startsWith(full + path.sep));
    if (below.length === 0) throw new RangeError(`no test file at or below ${wanted}`);
    return below;
  });
  return [...new Set(kept)];
}

function childrenOf(folder: string): readonly string[] {
  return existsSync(folder)
    ? readdirSync(folder)
        .sort()
        .map((name) => path.join(folder, name))
    : [];
}

function testFilesBelow(folder: string): readonly string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { withFileTypes: true })
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .flatMap((entry) => {
      const full = path.join(folder, entry.name);
      if (entry.isDirectory()) {
        const skip = entry.name === 'node_modules' || entry.name === 'fixtures' || entry.name.startsWith('.');
        return skip ? [] : testFilesBelow(full);
      }
      return entry.name.endsWith('.test.ts') ? [full] : [];
    });
}
