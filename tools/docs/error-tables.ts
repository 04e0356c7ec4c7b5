import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Workspace } from '../workspace/manifests.ts';
import { filesBelow } from '../workspace/source-files.ts';
import { toTable } from './generated-section.ts';

interface ErrorRow {
  readonly reason: string;
  readonly packageFolder: string;
  readonly code: string;
  readonly text: string;
}

/** The rows of every `<package>Errors` table of the packages, by reason. */
export async function readErrorTables(packages: readonly Workspace[]): Promise<readonly ErrorRow[]> {
  const rows: ErrorRow[] = [];
  for (const each of packages) {
    const file = path.join(each.path, 'src', 'errors.ts');
    if (!existsSync(file)) continue;
    const module: Record<string, unknown> = await import(pathToFileURL(file).href);
    for (const [name, table] of Object.entries(module)) {
      if (!name.endsWith('Errors') || typeof table !== 'object' || table === null) continue;
      for (const [reason, row] of Object.entries(table as Record<string, { code: string; text: string }>)) {
        rows.push({ reason, packageFolder: each.folder, code: row.code, text: row.text });
      }
    }
  }
  return rows.sort((a, b) => compare(a.reason, b.reason) || compare(a.packageFolder, b.packageFolder));
}

export function renderErrors(
  rows: readonly ErrorRow[],
  httpStatusOfCode: Readonly<Record<string, number>>,
): string {
  return toTable(
    ['reason', 'code', 'HTTP', 'package', 'meaning'],
    rows.map(({ reason, code, packageFolder, text }) => [
      `\`${reason}\``,
      `\`${code}\``,
      String(httpStatusOfCode[code] ?? '?'),
      packageFolder,
      text,
    ]),
  );
}

/** A reason has one code wherever it occurs, a reason in the code is in a table, and one in a table is in the code. */
export function checkReasons(packages: readonly Workspace[], rows: readonly ErrorRow[]): readonly string[] {
  const problems: string[] = [];
  const codes = new Map<string, string>();
  for (const { reason, code, packageFolder } of rows) {
    if ((codes.get(reason) ?? code) !== code) {
      problems.push(
        `packages/${packageFolder}/src/errors.ts: '${reason}' has code ${code} here and ${codes.get(reason)} elsewhere.`,
      );
    }
    codes.set(reason, code);
  }
  for (const each of packages) {
    // A conformance suite makes up errors of its own.
    const sources = filesBelow(path.join(each.path, 'src'), '.ts')
      .filter((file) => !file.includes('conformance'))
      .map((file) => readFileSync(file, 'utf8'));
    const all = sources.join('\n');
    for (const [, reason = ''] of all.matchAll(/\breason: '([a-z0-9]+(?:_[a-z0-9]+)+)'/g)) {
      if (!codes.has(reason))
        problems.push(`packages/${each.folder}: '${reason}' stands in no table of an errors.ts.`);
    }
    for (const { reason, packageFolder } of rows) {
      if (packageFolder !== each.folder) continue;
      const uses = all.match(new RegExp(`\\b${reason}\\b`, 'g'))?.length ?? 0;
      if (uses < 2)
        problems.push(`packages/${each.folder}/src/errors.ts: nothing gives the reason '${reason}'.`);
    }
  }
  return [...new Set(problems)];
}

function compare(a: string, b: string): number {
  return a < b ? -1 : Number(a > b);
}
