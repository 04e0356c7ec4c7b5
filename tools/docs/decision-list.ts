import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import type { GeneratedSection } from './generated-section.ts';

const folder = 'docs/decisions';

/** Every record by its number, with the title that its page has. */
export function decisionList(root: string): GeneratedSection {
  const lines = readdirSync(path.join(root, folder))
    .filter((name) => /^\d{4}-.*\.md$/.test(name))
    .sort()
    .map((name) => {
      const [, number, title] =
        /^# (\d{4}): (.*)/.exec(readFileSync(path.join(root, folder, name), 'utf8')) ?? [];
      return `- [${number}](${name}): ${title}`;
    });
  return { page: `${folder}/README.md`, name: 'decisions', text: lines.join('\n') };
}
