import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { readCommandLine } from './docs/command-pages.ts';
import { type ExampleFile, examplesOf } from './docs/example-files.ts';
import { readPages } from './docs/markdown.ts';
import { checkShellCommands } from './docs/shell-commands.ts';

const home = path.dirname(import.meta.dirname);
const root = path.resolve(process.argv[2] ?? home);
// Inside the repository, so that the packages resolve as they do for everyone.
const folder = path.join(root, '.examples');

const pages = readPages(root);
const manifest: { readonly scripts?: Readonly<Record<string, string>> } = JSON.parse(
  readFileSync(path.join(root, 'package.json'), 'utf8'),
);
const { commands } = await readCommandLine(root);
const examples = pages.map(examplesOf);
const files = examples.flatMap((each) => each.files);
const problems = [
  ...examples.flatMap((each) => each.problems),
  ...typeCheck(files),
  ...pages.flatMap((page) => checkShellCommands(page, Object.keys(manifest.scripts ?? {}), commands)),
];
for (const problem of problems) console.error(problem);
if (problems.length === 0) console.log(`${files.length} examples on ${pages.length} pages`);
process.exitCode = problems.length === 0 ? 0 : 1;

function typeCheck(all: readonly ExampleFile[]): readonly string[] {
  rmSync(folder, { recursive: true, force: true });
  if (all.length === 0) return [];
  for (const { name, text } of all) {
    mkdirSync(path.dirname(path.join(folder, name)), { recursive: true });
    writeFileSync(path.join(folder, name), text);
  }
  const settings = {
    extends: path.join(home, 'tsconfig.json'),
    // An example may declare what it does not use.
    compilerOptions: { noUnusedLocals: false, noUnusedParameters: false },
    include: ['**/*.ts'],
    exclude: [],
  };
  writeFileSync(path.join(folder, 'tsconfig.json'), JSON.stringify(settings));
  writeFileSync(path.join(folder, 'package.json'), '{"type":"module"}');
  const tsc = path.join(home, 'node_modules', 'typescript', 'bin', 'tsc');
  const { status, stdout, stderr } = spawnSync(process.execPath, [tsc, '-p', folder, '--pretty', 'false'], {
    cwd: folder,
    encoding: 'utf8',
  });
  if (status !== 0) return toPageLines(all, `${stdout}${stderr}`);
  rmSync(folder, { recursive: true, force: true });
  return [];
}

/** `README-md/block-12.ts(14,3): error …` → `README.md:14: error …`. */
function toPageLines(all: readonly ExampleFile[], output: string): readonly string[] {
  const pageOf = new Map(all.map(({ name, page }) => [name.split(path.sep).join('/'), page]));
  return output
    .trim()
    .split('\n')
    .map((text) =>
      text.replace(/^(?<file>[^(\s]+)\((?<line>\d+),\d+\)/, (whole, file: string, line: string) =>
        pageOf.has(file) ? `${pageOf.get(file)}:${line}` : whole,
      ),
    );
}
