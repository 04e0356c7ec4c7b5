import { codeBlocksOf, type Page } from './markdown.ts';

/** `npm run X`, `npm start`, `npm test` and `banyan COMMAND --option` in `sh` blocks exist. */
export function checkShellCommands(
  page: Page,
  scripts: readonly string[],
  commands: readonly { readonly name: string; readonly options: object }[],
): readonly string[] {
  const shells = codeBlocksOf(page.text).filter(({ info }) => /^(sh|shell|bash|console)\b/.test(info));
  return shells.flatMap(({ code, line }) =>
    code.split('\n').flatMap((text, index) => {
      const at = `${page.name}:${line + index + 1}:`;
      const command = text
        .replace(/\s#.*$/, '')
        .replace(/^\s*\$?\s*/, '')
        .replace(/^(?:[A-Z_]+=\S*\s+)+/, '');
      return [...checkScript(command, scripts), ...checkBanyan(command, commands)].map(
        (problem) => `${at} ${problem}`,
      );
    }),
  );
}

function checkScript(command: string, scripts: readonly string[]): readonly string[] {
  const script = /^npm (?:run )?(?<name>start|test|(?<=run )[\w:-]+)/.exec(command)?.groups?.['name'];
  return script === undefined || scripts.includes(script) ? [] : [`package.json has no script '${script}'.`];
}

function checkBanyan(
  command: string,
  commands: readonly { readonly name: string; readonly options: object }[],
): readonly string[] {
  const words = /^(?:npx banyan|npm run banyan --|banyan)\s+(?<rest>.*)$/
    .exec(command)
    ?.groups?.['rest']?.split(/\s+/);
  const [name = '', ...rest] = words ?? [];
  if (words === undefined || name.startsWith('-') || commands.length === 0) return [];
  const known = commands.find((each) => each.name === name);
  if (known === undefined) return [`banyan has no command '${name}'.`];
  return rest
    .filter((word) => word.startsWith('--'))
    .map((word) => word.slice(2).split('=')[0] ?? '')
    .filter((option) => option !== 'help' && !Object.hasOwn(known.options, option))
    .map((option) => `banyan ${name} has no option '--${option}'.`);
}
