import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import type { Workspace } from '../workspace/manifests.ts';
import { codeBlocksOf, type Page, proseOf, withoutBlocks } from './markdown.ts';

const link = /\]\((?<target>[^()\s]+)\)/g;

/** Links inside the repository lead to a file, and to a heading of it where they name one. */
export function checkLinks(page: Page): readonly string[] {
  const prose = proseOf(page.text);
  return [...prose.matchAll(link)].flatMap((match) => {
    const target = match.groups?.['target'] ?? '';
    if (/^[a-z]+:/.test(target)) return [];
    const line = prose.slice(0, match.index).split('\n').length;
    const [file = '', anchor] = target.split('#');
    const full = file === '' ? page.path : path.resolve(path.dirname(page.path), file);
    if (!existsSync(full)) return [`${page.name}:${line}: '${target}' leads nowhere.`];
    if (anchor === undefined || anchorsOf(readFileSync(full, 'utf8')).has(anchor)) return [];
    return [`${page.name}:${line}: '${target}' names a heading that is not there.`];
  });
}

function anchorsOf(text: string): ReadonlySet<string> {
  const headings = [...text.matchAll(/^#+ (?<title>.+)$/gm)].map((match) => match.groups?.['title'] ?? '');
  return new Set(
    headings.map((title) =>
      title
        .toLowerCase()
        .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
        .trim()
        .replaceAll(' ', '-'),
    ),
  );
}

const coverageRow = /^\| (?<id>[RC]\d+) \| (?<what>[^|]*) \| `(?<file>[^`|]+)` \| (?<title>[^|]+) \|$/;

/** Each row of the coverage table names a row of the catalogue, a test file, and a test that is in it. */
export function checkCoverage(root: string, page: Page): readonly string[] {
  const rows = withoutBlocks(page.text)
    .split('\n')
    .map((text, index) => ({ text, line: index + 1 }));
  return rows
    .filter(({ text }) => /^\| *[RC]\d/.test(text))
    .flatMap(({ text, line }) => {
      const at = `${page.name}:${line}:`;
      const row = coverageRow.exec(text)?.groups;
      if (row === undefined)
        return [`${at} write it as | R4 | what is shown | \`path/of.test.ts\` | title of the test |`];
      const { id = '', file = '', title = '' } = row;
      const number = Number(id.slice(1));
      if (number < 1 || number > (id.startsWith('R') ? 37 : 179))
        return [`${at} the catalogue has no ${id}.`];
      if (!existsSync(path.join(root, file))) return [`${at} there is no ${file}.`];
      if (readFileSync(path.join(root, file), 'utf8').includes(title.trim())) return [];
      return [`${at} ${file} has no test '${title.trim()}'.`];
    });
}

/** Terms of the glossary are unique and in alphabetical order. */
export function checkGlossary(page: Page): readonly string[] {
  const terms = [...page.text.matchAll(/^- \*\*(?<term>[^*]+)\*\*/gm)].map((match) =>
    (match.groups?.['term'] ?? '').toLowerCase(),
  );
  if (terms.length === 0) return [`${page.name}: has no terms ('- **term**: what it means').`];
  return terms.flatMap((term, index) => {
    const previous = terms[index - 1];
    if (previous === undefined || previous < term) return [];
    return [
      `${page.name}: '${term}' ${previous === term ? 'stands twice' : `belongs before '${previous}'`}.`,
    ];
  });
}

const requiredSections = ['## Guarantees', '## What happens when'];

/** Each package says what it is, shows an example, promises, and tells what happens when things go wrong. */
export function checkPackageReadme(each: Workspace, pages: readonly Page[]): readonly string[] {
  const name = `packages/${each.folder}/README.md`;
  const page = pages.find((candidate) => candidate.name === name);
  if (page === undefined) return [`${name}: write it.`];
  const lines = page.text.split('\n');
  const problems = requiredSections
    .filter((section) => !lines.includes(section))
    .map((section) => `${name}: add the section '${section}'.`);
  if (!codeBlocksOf(page.text).some(({ info }) => info.startsWith('ts'))) {
    problems.push(`${name}: show a runnable example in a ts block.`);
  }
  return problems;
}
