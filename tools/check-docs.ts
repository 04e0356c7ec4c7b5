import { readFileSync } from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { httpStatusOfCode } from '@banyan/core';
import { readLayers } from './architecture/layers.ts';
import { checkVariables, commandSections, readCommandLine } from './docs/command-pages.ts';
import { checkDecisions, decisionList } from './docs/decision-list.ts';
import { checkReasons, readErrorTables, renderErrors } from './docs/error-tables.ts';
import { checkSection, type GeneratedSection, toTable } from './docs/generated-section.ts';
import { readPages } from './docs/markdown.ts';
import { checkMetrics } from './docs/metric-table.ts';
import { checkCoverage, checkGlossary, checkLinks, checkPackageReadme } from './docs/page-rules.ts';
import { platformEventSections } from './docs/platform-events.ts';
import { type Manifest, readWorkspaces } from './workspace/manifests.ts';

const { values, positionals } = parseArgs({
  options: { write: { type: 'boolean' } },
  allowPositionals: true,
});
const root = path.resolve(positionals[0] ?? path.dirname(import.meta.dirname));
const packages = readWorkspaces(root, 'packages');
const errors = await readErrorTables(packages);
const sections: readonly GeneratedSection[] = [
  { page: 'docs/reference/errors.md', name: 'errors', text: renderErrors(errors, httpStatusOfCode) },
  ...commandSections(await readCommandLine(root)),
  ...(await platformEventSections(root)),
  decisionList(root),
  { page: 'ARCHITECTURE.md', name: 'layers', text: renderLayers() },
];
const written = sections.flatMap((section) => checkSection(root, section, values.write ?? false));
const pages = readPages(root);
const problems = [
  ...written,
  ...checkReasons(packages, errors),
  ...checkVariables(root),
  ...checkDecisions(root),
  ...checkMetrics(root, packages),
  ...pages.flatMap(checkLinks),
  ...pages.filter(({ name }) => name === 'docs/coverage.md').flatMap((page) => checkCoverage(root, page)),
  ...pages.filter(({ name }) => name === 'docs/glossary.md').flatMap(checkGlossary),
  ...packages.flatMap((each) => checkPackageReadme(each, pages)),
];
for (const problem of problems) console.error(problem);
if (problems.length === 0) console.log(`${pages.length} pages, ${errors.length} error reasons`);
process.exitCode = problems.length === 0 ? 0 : 1;

/** Highest row first, each package with the description in its manifest. */
function renderLayers(): string {
  const describe = (folder: string) => {
    const file = path.join(root, 'packages', folder, 'package.json');
    const { description } = JSON.parse(readFileSync(file, 'utf8')) as Manifest & {
      readonly description: string;
    };
    return `**${folder}**: ${description}`;
  };
  const rows = readLayers(root).rows.map((row, index) => [String(index), row.map(describe).join('<br>')]);
  return toTable(['row', 'packages'], rows.reverse());
}
