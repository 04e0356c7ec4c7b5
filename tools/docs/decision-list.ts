import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import type { GeneratedSection } from './generated-section.ts';

const folder = 'docs/decisions';

/** A record as its file says it: `docs/decisions/0001-calls.md` begins with `# 0001: Calls`. */
interface Decision {
  readonly file: string;
  readonly number: string;
  /** Undefined if the page does not begin as it has to. */
  readonly title: string | undefined;
}

/** Every record by its number, with the title that its page has. */
export function decisionList(root: string): GeneratedSection {
  const lines = decisionsIn(root).flatMap(({ file, number, title }) =>
    title === undefined ? [] : [`- [${number}](${file}): ${title}`],
  );
  return { page: `${folder}/README.md`, name: 'decisions', text: lines.join('\n') };
}

export function checkDecisions(root: string): readonly string[] {
  return decisionsIn(root)
    .filter(({ title }) => title === undefined)
    .map(({ file, number }) => `${folder}/${file}: begin with '# ${number}: ' and a title.`);
}

function decisionsIn(root: string): readonly Decision[] {
  return readdirSync(path.join(root, folder))
    .filter((file) => /^\d{4}-.*\.md$/.test(file))
    .sort()
    .map((file) => {
      const number = file.slice(0, 4);
      const [, title] =
        new RegExp(`^# ${number}: (.+)`).exec(readFileSync(path.join(root, folder, file), 'utf8')) ?? [];
      return { file, number, title };
    });
}
