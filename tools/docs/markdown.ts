import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { filesBelow } from '../workspace/source-files.ts';

export interface Page {
  /** Relative to the root, with `/`. */
  readonly name: string;
  readonly path: string;
  readonly text: string;
}

/** Every Markdown page of the repository. */
export function readPages(root: string): readonly Page[] {
  const top = readdirSync(root).filter((name) => name.endsWith('.md'));
  const folders = ['bench', 'docs', 'packages', 'systems', 'test', 'tools'];
  const files = [
    ...top.map((name) => path.join(root, name)),
    ...folders.flatMap((folder) => filesBelow(path.join(root, folder), '.md')),
  ];
  return files.map((file) => ({
    name: path.relative(root, file).split(path.sep).join('/'),
    path: file,
    text: readFileSync(file, 'utf8'),
  }));
}

export interface CodeBlock {
  /** What follows the fence: `ts`, `ts file=contract.ts`, `sh`. */
  readonly info: string;
  readonly code: string;
  /** Line of the opening fence, 1 for the first. */
  readonly line: number;
  /** The text before the fence. */
  readonly before: string;
}

const fenced = /^```(?<info>[^\n`]*)\n(?<code>[\s\S]*?)^```[ \t]*$/gm;

export function codeBlocksOf(text: string): readonly CodeBlock[] {
  return [...text.matchAll(fenced)].map((match) => ({
    info: (match.groups?.['info'] ?? '').trim(),
    code: match.groups?.['code'] ?? '',
    line: text.slice(0, match.index).split('\n').length,
    before: text.slice(0, match.index),
  }));
}

/** The page without its code blocks, with the lines where they were. */
export function withoutBlocks(text: string): string {
  return text.replaceAll(fenced, blank);
}

/** The page without any code, with the lines where they were. */
export function proseOf(text: string): string {
  return withoutBlocks(text).replaceAll(/`[^`\n]*`/g, blank);
}

function blank(part: string): string {
  return part.replaceAll(/[^\n]/g, ' ');
}
