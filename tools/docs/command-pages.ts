import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { filesBelow } from '../workspace/source-files.ts';
import { type GeneratedSection, toTable } from './generated-section.ts';

interface Command {
  readonly name: string;
  readonly usage: string;
  readonly summary: string;
  readonly options: Readonly<Record<string, { readonly value?: string; readonly summary: string }>>;
}

interface Variable {
  readonly name: string;
  readonly default: string;
  readonly summary: string;
}

export interface CommandLine {
  readonly commands: readonly Command[];
  readonly variables: readonly Variable[];
}

/** The two tables that the command line itself is made from. */
export async function readCommandLine(root: string): Promise<CommandLine> {
  const source = path.join(root, 'packages', 'banyan', 'src');
  const load = async (name: string) => {
    const file = path.join(source, name);
    return existsSync(file) ? ((await import(pathToFileURL(file).href)) as Record<string, unknown>) : {};
  };
  const [table, environment] = [await load('commands.ts'), await load('environment.ts')];
  return {
    commands: (table['commands'] ?? []) as readonly Command[],
    variables: (environment['environmentVariables'] ?? []) as readonly Variable[],
  };
}

export function commandSections({ commands, variables }: CommandLine): readonly GeneratedSection[] {
  const describe = ({ name, usage, summary, options }: Command) => {
    const rows = Object.entries(options).map(([option, { value, summary }]) => [
      `\`--${option}${value === undefined ? '' : ` ${value}`}\``,
      summary,
    ]);
    const table = rows.length === 0 ? 'No options.' : toTable(['option', 'effect'], rows);
    return [`## banyan ${name}`, summary, `\`${usage}\``, table].join('\n\n');
  };
  return [
    { page: 'docs/reference/command-line.md', name: 'commands', text: commands.map(describe).join('\n\n') },
    {
      page: 'docs/reference/configuration.md',
      name: 'variables',
      text: toTable(
        ['variable', 'default', 'meaning'],
        variables.map((each) => [`\`${each.name}\``, each.default, each.summary]),
      ),
    },
  ];
}

const ownVariable = /\bBANYAN_[A-Z0-9_]+\b/g;
const pageRow = /^\| `(?<name>BANYAN_[A-Z0-9_]+)`/gm;

/** The `BANYAN_…` variables of the code and the rows of the page are the same. */
export function checkVariables(root: string): readonly string[] {
  const page = 'docs/reference/configuration.md';
  const documented = new Set(
    [...readFileSync(path.join(root, page), 'utf8').matchAll(pageRow)].map(
      (match) => match.groups?.['name'] ?? '',
    ),
  );
  const folders = ['packages', 'systems', 'tools', 'test/chaos', 'test/shipped', 'test/support', '.ci'].map(
    (folder) => path.join(root, folder),
  );
  const code = folders
    .flatMap((folder) => ['.ts', '.mjs', 'run'].flatMap((ending) => filesBelow(folder, ending)))
    .map((file) => readFileSync(file, 'utf8'))
    .join('\n');
  const used = new Set(code.match(ownVariable) ?? []);
  return [
    ...[...used].filter((name) => !documented.has(name)).map((name) => `${page}: add a row for ${name}.`),
    ...[...documented].filter((name) => !used.has(name)).map((name) => `${page}: nothing reads ${name}.`),
  ];
}
