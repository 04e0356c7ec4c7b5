import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';

/** A part of a page that is made from the code; what stands around it is written by hand. */
export interface GeneratedSection {
  /** Relative to the root. */
  readonly page: string;
  /** Stands in the two comments around the section: `<!-- generated: NAME -->` and `<!-- end of NAME -->`. */
  readonly name: string;
  /** Markdown without a line break at either end. */
  readonly text: string;
}

/** Compares the page with the section; with `write`, makes them equal instead. */
export function checkSection(root: string, section: GeneratedSection, write: boolean): readonly string[] {
  const { page, name, text } = section;
  const file = path.join(root, page);
  const old = readFileSync(file, 'utf8');
  const [begin, end] = [`<!-- generated: ${name} -->`, `<!-- end of ${name} -->`];
  const [from, to] = [old.indexOf(begin), old.indexOf(end)];
  if (from === -1 || to < from) return [`${page}: lacks the comments ${begin} and ${end}.`];
  const current = old.slice(from + begin.length, to).trim();
  if (current === text) return [];
  if (write) {
    writeFileSync(file, `${old.slice(0, from)}${begin}\n\n${text}\n\n${old.slice(to)}`);
    return [];
  }
  const [had, has] = [new Set(current.split('\n')), new Set(text.split('\n'))];
  return [
    ...[...has]
      .filter((line) => !had.has(line))
      .map((line) => `${page}: the code has, the page has not: ${line}`),
    ...[...had]
      .filter((line) => !has.has(line))
      .map((line) => `${page}: the page has, the code has not: ${line}`),
    ...(isSameSet(had, has) ? [`${page}: the lines of ${name} stand in another order.`] : []),
  ];
}

function isSameSet(a: ReadonlySet<string>, b: ReadonlySet<string>): boolean {
  return a.size === b.size && [...a].every((each) => b.has(each));
}

/** A Markdown table; `|` in a cell is escaped. */
export function toTable(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}
