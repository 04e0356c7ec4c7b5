import { parseArgs } from 'node:util';
import { isServiceError, ServiceError } from '@banyan/core';
import type { Command, CommandInput } from './command.ts';
import { commands } from './commands.ts';
import { environmentVariables } from './environment.ts';
import type { Terminal } from './terminal.ts';

/** Parses `words` and runs the command they name. Never rejects: what goes wrong is said on the terminal, once. */
export async function runCommandLine(words: readonly string[], terminal: Terminal): Promise<number> {
  const [name, ...rest] = words;
  if (name === undefined || name === 'help' || name === '--help' || name === '-h') {
    terminal.write(renderHelp());
    return 0;
  }
  if (name === '--version') {
    terminal.write(`${terminal.version}\n`);
    return 0;
  }
  const command = commands.find((each) => each.name === name);
  if (command === undefined) {
    terminal.fail(
      `There is no command '${name}'. Commands: ${commands.map((each) => each.name).join(', ')}.`,
    );
    return 2;
  }
  if (rest.includes('--help') || rest.includes('-h')) {
    terminal.write(renderCommandHelp(command));
    return 0;
  }
  try {
    return await command.run(parseWords(command, rest), terminal);
  } catch (error) {
    return report(error, terminal);
  }
}

function parseWords(command: Command, words: readonly string[]): CommandInput {
  const options = Object.fromEntries(
    Object.entries(command.options).map(([name, { type, short }]) => [
      name,
      { type, ...(short === undefined ? undefined : { short }) },
    ]),
  );
  try {
    const parsed = parseArgs({ args: [...words], options, allowPositionals: true });
    const takesWords = /NAME|VERB/.test(command.usage);
    if (!takesWords && parsed.positionals.length > 0) {
      throw new TypeError(`'${command.name}' takes no '${parsed.positionals[0]}'.`);
    }
    return { options: parsed.values as CommandInput['options'], positionals: parsed.positionals };
  } catch (cause) {
    const what = describeMistake(cause);
    throw new ServiceError(`${what} See 'banyan ${command.name} --help'.`, {
      code: 'invalid_argument',
      reason: 'invalid_command_line',
      cause,
    });
  }
}

/** Node's own sentence about an unknown option goes on for three lines, about what is seldom meant. */
function describeMistake(cause: unknown): string {
  const [first = ''] = (cause instanceof Error ? cause.message : String(cause)).split('\n');
  if ((cause as { readonly code?: unknown }).code !== 'ERR_PARSE_ARGS_UNKNOWN_OPTION')
    return first.endsWith('.') ? first : `${first}.`;
  return `There is no option ${/'[^']+'/.exec(first)?.[0] ?? 'of that name'}.`;
}

/** Expected failures in one line (a list of problems in one line each); only what nobody foresaw with its stack. */
function report(error: unknown, terminal: Terminal): number {
  if (isServiceError(error)) {
    terminal.fail(error.message);
    // A service that the system does not have was named in the command.
    return error.code === 'invalid_argument' || error.reason === 'no_service' ? 2 : 1;
  }
  terminal.fail(error instanceof Error ? (error.stack ?? error.message) : String(error));
  return 70;
}

function renderHelp(): string {
  const rows = commands.map((command) => `  ${command.name.padEnd(9)} ${command.summary}`);
  const variables = environmentVariables.map((each) => `  ${each.name.padEnd(18)} ${each.summary}`);
  return `banyan: services against contracts, run as one process or as many.

Usage: banyan COMMAND [options]

${rows.join('\n')}

Environment:
${variables.join('\n')}

'banyan COMMAND --help' shows a command's options.
`;
}

function renderCommandHelp(command: Command): string {
  const rows = Object.entries(command.options).map(([name, option]) => {
    const flag = option.value === undefined ? `--${name}` : `--${name} ${option.value}`;
    return `  ${flag.padEnd(18)} ${option.summary}`;
  });
  return `${command.summary}\n\nUsage: ${command.usage}\n\n${rows.join('\n')}\n`;
}
