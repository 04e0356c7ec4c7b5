import path from 'node:path';
import { codeBlocksOf, type Page } from './markdown.ts';

export interface ExampleFile {
  /** Relative to the folder of all examples. */
  readonly name: string;
  /** Relative to the root. */
  readonly page: string;
  /** As many empty lines before the code as the page has before it, so that line numbers agree. */
  readonly text: string;
}

export interface Examples {
  readonly files: readonly ExampleFile[];
  readonly problems: readonly string[];
}

/**
 * The `ts` blocks of a page as files of one folder. A block is a module of its own; `ts file=contract.ts` gives it a name, so
 * that another block can import it. `ts no-check` leaves it out and needs its reason in a comment before it.
 */
export function examplesOf(page: Page): Examples {
  const files: ExampleFile[] = [];
  const problems: string[] = [];
  for (const { info, code, line, before } of codeBlocksOf(page.text)) {
    const [language, ...words] = info.split(/\s+/);
    if (language !== 'ts' && language !== 'typescript') continue;
    if (words.includes('no-check')) {
      if (!/<!--[^>]+-->\s*$/.test(before)) {
        problems.push(`${page.name}:${line}: say in an HTML comment before the block why it is not checked.`);
      }
      continue;
    }
    const given = words.find((word) => word.startsWith('file='))?.slice('file='.length);
    const name = path.join(page.name.replaceAll(/[^A-Za-z0-9-]+/g, '-'), given ?? `block-${line}.ts`);
    if (path.isAbsolute(given ?? '') || given?.split('/').includes('..') === true) {
      problems.push(`${page.name}:${line}: '${given}' leaves the folder of the page.`);
      continue;
    }
    if (files.some((file) => file.name === name))
      problems.push(`${page.name}:${line}: a second block has the name ${given}.`);
    files.push({ name, page: page.name, text: '\n'.repeat(line) + code });
  }
  return { files, problems };
}
