import { parseArgs } from 'node:util';
import { isServiceError, ServiceError } from '@banyan/core';
import { audit } from './commands/audit.ts';
import { check } from './commands/check.ts';
import { runConsole } from './commands/console.ts';
import { describe } from './commands/describe.ts';
import { events } from './commands/events.ts';
import { flow } from './commands/flow.ts';
import { graph } from './commands/graph.ts';
import { passwords } from './commands/passwords.ts';
import { policy } from './commands/policy.ts';
import { reset } from './commands/reset.ts';
import { routes } from './commands/routes.ts';
import { saga } from './commands/saga.ts';
import { serve } from './commands/serve.ts';
import { sidecar } from './commands/sidecar.ts';
import { up } from './commands/up.ts';
import { environmentVariables } from './environment.ts';
import { observeCommands } from './observe-commands.ts';
import type { Terminal } from './terminal.ts';

export interface CommandOption {
  readonly type: 'boolean' | 'string';
  /** One letter that says the same. */
  readonly short?: string;
  /** Shown in help for options that take a value. */
  readonly value?: string;
  readonly summary: string;
}

/** Values as parsed; `positionals` are the words that are no option. */
export interface CommandInput {
  readonly options: Readonly<Record<string, string | boolean | undefined>>;
  readonly positionals: readonly string[];
}

export interface Command {
  readonly name: string;
  readonly usage: string;
  readonly summary: string;
  readonly options: Readonly<Record<string, CommandOption>>;
  /** Resolves with the exit code. */
  readonly run: (input: CommandInput, terminal: Terminal) => Promise<number>;
}

const directory: CommandOption = {
  type: 'string',
  value: 'PATH',
  summary: "The system's folder. Default: this one.",
};
const data: CommandOption = {
  type: 'string',
  value: 'PATH',
  summary: "Where data is kept. Default: BANYAN_DATA, else .banyan in the system's folder.",
};
const production: CommandOption = {
  type: 'boolean',
  summary: 'Without stand-ins, watching, copying and development faults.',
};

/** Every command; help, parsing and the reference page are made from this table. */
export const commands: readonly Command[] = [
  {
    name: 'up',
    usage: 'banyan up [options]',
    summary: 'Run the system: PostgreSQL, every service and the gateway.',
    options: {
      dir: directory,
      data,
      split: { type: 'boolean', summary: 'Every service in a process of its own.' },
      own: {
        type: 'string',
        value: 'A,B',
        summary: 'These services in processes of their own, the rest together.',
      },
      groups: { type: 'string', value: 'A,B/C/*', summary: 'One process for each group; * is all the rest.' },
      port: { type: 'string', value: 'N', summary: 'Public port. Default: PORT, else 8080.' },
      production,
      calm: { type: 'boolean', summary: 'No development faults: no repeated deliveries, no delays.' },
      'no-console': { type: 'boolean', summary: 'Without the console; the same as CONSOLE_PORT=off.' },
      'no-watch': { type: 'boolean', summary: 'Do not reload a service when its files change.' },
      verbose: { type: 'boolean', summary: 'Show log lines of level info here, too.' },
    },
    run: up,
  },
  {
    name: 'serve',
    usage: 'banyan serve NAME… [options]',
    summary: 'Run the named services (or gateway) alone: the entry point of a container.',
    options: {
      dir: directory,
      port: { type: 'string', value: 'N', summary: 'Port. Default: PORT, else any free one.' },
      production,
    },
    run: serve,
  },
  {
    name: 'check',
    usage: 'banyan check [options]',
    summary: 'Find definition and configuration errors without starting anything.',
    options: { dir: directory, production },
    run: check,
  },
  {
    name: 'routes',
    usage: 'banyan routes [VERB] [NAME…] [options]',
    summary:
      'List the public routes; while the system runs, look at traffic (ls, history) and move it: link, weight, set, clear, on, off, moved, revert.',
    options: {
      dir: directory,
      data,
      why: { type: 'string', value: 'TEXT', summary: 'Of a change, for the history.' },
      by: { type: 'string', value: 'WHO', summary: 'Name for the history. Default: the user of this shell.' },
      sticky: { type: 'boolean', summary: 'weight: the same user always gets the same version.' },
      back: {
        type: 'string',
        value: 'VERSION',
        summary: 'link, weight: go back to this version if the one that is new breaks its promise.',
      },
      target: {
        type: 'string',
        value: 'SHARE',
        summary: 'With --back: promised share of good calls. Default: 0.99.',
      },
      within: {
        type: 'string',
        value: 'MS',
        summary: 'With --back: a good call takes no longer. Default: time does not count.',
      },
      file: {
        type: 'string',
        value: 'FILE',
        summary: 'set: the rule of the service as JSON; - reads standard input.',
      },
      limit: { type: 'string', value: 'N', summary: 'history: at most so many. Default: 50.' },
      json: { type: 'boolean', summary: 'As JSON.' },
    },
    run: routes,
  },
  {
    name: 'graph',
    usage: 'banyan graph [options]',
    summary: 'Show who calls and who listens to whom.',
    options: {
      dir: directory,
      svg: { type: 'string', value: 'FILE', summary: 'Draw it into an SVG file.' },
      json: { type: 'boolean', summary: 'As JSON.' },
    },
    run: graph,
  },
  {
    name: 'describe',
    usage: 'banyan describe [NAME…] [options]',
    summary: 'Print the contracts as one OpenAPI 3.1 document, or their events as AsyncAPI 3.',
    options: {
      dir: directory,
      events: { type: 'boolean', summary: 'The events, as AsyncAPI.' },
      out: { type: 'string', value: 'FILE', summary: 'Write into a file.' },
    },
    run: describe,
  },
  {
    name: 'events',
    usage: 'banyan events VERB [NAME] [ID…] [options]',
    summary: 'Look after events: status, dead, show, retry, edit, discard, republish, replay, audit.',
    options: {
      dir: directory,
      data,
      all: {
        type: 'boolean',
        summary: 'retry, discard: every dead letter of the service. republish: every service.',
      },
      'late-after': {
        type: 'string',
        value: 'DURATION',
        summary: 'status: what waits for longer is late (30s, 5m). Default: 30s to publish, 1m to handle.',
      },
      since: {
        type: 'string',
        value: 'TIME',
        summary: 'republish: events committed since then (2026-11-21T08:00:00Z, or 30s, 15m, 2h, 1d ago).',
      },
      from: {
        type: 'string',
        value: 'TIME',
        summary: "replay: where to begin: 'start', or a time as for --since.",
      },
      topic: {
        type: 'string',
        value: 'A.B,…',
        summary: 'replay: these topics. Default: all of the service.',
      },
      file: { type: 'string', value: 'FILE', summary: 'edit: the new data as JSON; - reads standard input.' },
      by: { type: 'string', value: 'WHO', summary: 'Name for the audit. Default: the user of this shell.' },
      limit: { type: 'string', value: 'N', summary: 'dead, audit: at most so many. Default: 50.' },
      json: { type: 'boolean', summary: 'As JSON.' },
      yes: { type: 'boolean', summary: 'Do not ask.' },
    },
    run: events,
  },
  {
    name: 'audit',
    usage: 'banyan audit VERB [NAME…] [options]',
    summary: 'Look at who did what (ls), and prove that nothing was changed (verify).',
    options: {
      dir: directory,
      data,
      user: { type: 'string', value: 'ID', summary: 'ls: what this user did.' },
      subject: { type: 'string', value: 'ID', summary: 'ls: what was done to this, such as an order.' },
      action: { type: 'string', value: 'NAME', summary: 'ls: this action only.' },
      outcome: { type: 'string', value: 'OUTCOME', summary: 'ls: done, refused, failed, denied.' },
      since: {
        type: 'string',
        value: 'TIME',
        summary: 'ls: since then (2026-11-21T08:00:00Z, or 30s, 15m, 2h, 1d ago).',
      },
      until: { type: 'string', value: 'TIME', summary: 'ls: before then.' },
      head: {
        type: 'string',
        value: 'N:HASH',
        summary: 'verify: a head that was kept elsewhere; shows whether the end was cut off.',
      },
      limit: { type: 'string', value: 'N', summary: 'ls: at most so many. Default: 50.' },
      json: { type: 'boolean', summary: 'As JSON.' },
    },
    run: audit,
  },
  {
    name: 'policy',
    usage: 'banyan policy VERB [OPERATION | VERSION] [options]',
    summary: 'Say who may call what while the system runs: ls, show, check, set, history, revert, explain.',
    options: {
      dir: directory,
      data,
      file: {
        type: 'string',
        value: 'FILE',
        summary: 'check, set, explain: policies as JSON, or a module that has them; - reads standard input.',
      },
      why: { type: 'string', value: 'TEXT', summary: 'set, revert: the reason, for the history.' },
      by: { type: 'string', value: 'WHO', summary: 'Name for the history. Default: the user of this shell.' },
      version: {
        type: 'string',
        value: 'N',
        summary:
          'set, revert: refuse if another version than this one is in force, which somebody has set meanwhile.',
      },
      service: { type: 'string', value: 'NAME', summary: 'explain: who calls. Default: gateway.' },
      user: { type: 'string', value: 'ID', summary: 'explain: the end user. Default: nobody.' },
      scopes: { type: 'string', value: 'A,B', summary: "explain: the user's scopes." },
      input: { type: 'string', value: 'JSON', summary: 'explain: the input. Default: {}.' },
      limit: { type: 'string', value: 'N', summary: 'history: at most so many. Default: 50.' },
      json: { type: 'boolean', summary: 'As JSON.' },
    },
    run: policy,
  },
  {
    name: 'sidecar',
    usage: 'banyan sidecar NAME [options]',
    summary: 'Run the sidecar of a service that is written in another language.',
    options: {
      dir: directory,
      upstream: {
        type: 'string',
        value: 'URL',
        summary: 'Where the plain service listens, on loopback. Default: <NAME>_UPSTREAM.',
      },
      outgoing: {
        type: 'string',
        value: 'N',
        summary: 'Local port through which it calls others. Default: <NAME>_OUTGOING_PORT, else none.',
      },
      port: { type: 'string', value: 'N', summary: 'Port. Default: PORT, else any free one.' },
      production,
    },
    run: sidecar,
  },
  {
    name: 'saga',
    usage: 'banyan saga VERB NAME [ID] [options]',
    summary: 'Look after sagas: ls, show, retry, skip, cancel, repair, check, audit.',
    options: {
      dir: directory,
      data,
      status: {
        type: 'string',
        value: 'STATUS',
        summary: 'ls: running, compensating, completed, compensated, stuck.',
      },
      svg: { type: 'string', value: 'FILE', summary: 'show: draw the path that it took into an SVG file.' },
      file: {
        type: 'string',
        value: 'FILE',
        summary:
          "repair: the step's result as JSON; - reads standard input. check: sagas that 'ls --json' wrote.",
      },
      by: { type: 'string', value: 'WHO', summary: 'Name for the audit. Default: the user of this shell.' },
      limit: { type: 'string', value: 'N', summary: 'ls, audit: at most so many. Default: 50.' },
      json: { type: 'boolean', summary: 'As JSON.' },
    },
    run: saga,
  },
  {
    name: 'flow',
    usage: 'banyan flow VERB NAME [FLOW] [KEY] [options]',
    summary: 'Look at the flows that a service watches: ls, show, dismiss, audit.',
    options: {
      dir: directory,
      data,
      status: { type: 'string', value: 'STATUS', summary: 'ls: open, failing, completed, failed, late.' },
      after: { type: 'string', value: 'CURSOR', summary: 'ls: the next page, as the one before names it.' },
      svg: { type: 'string', value: 'FILE', summary: 'show: draw the path that it took into an SVG file.' },
      by: { type: 'string', value: 'WHO', summary: 'Name for the audit. Default: the user of this shell.' },
      limit: { type: 'string', value: 'N', summary: 'ls, audit: at most so many, up to 1000. Default: 50.' },
      json: { type: 'boolean', summary: 'As JSON.' },
    },
    run: flow,
  },
  {
    name: 'passwords',
    usage: 'banyan passwords VERB [BACKUP] [options]',
    summary: 'Look after the store of passwords: check, backup, ls, repair, restore.',
    options: {
      dir: directory,
      data,
      by: { type: 'string', value: 'WHO', summary: 'Name for the audit. Default: the user of this shell.' },
      json: { type: 'boolean', summary: 'As JSON.' },
      yes: { type: 'boolean', summary: 'restore: do not ask.' },
    },
    run: passwords,
  },
  ...observeCommands({ dir: directory, data }),
  {
    name: 'reset',
    usage: 'banyan reset [options]',
    summary: "Delete the system's data in .banyan/, after asking.",
    options: { dir: directory, data, yes: { type: 'boolean', summary: 'Do not ask.' } },
    run: reset,
  },
];

/** What a supervisor starts: no command for people. */
const innerCommands: readonly Command[] = [
  {
    name: 'console',
    usage: 'banyan console [options]',
    summary: "The process of the console, which 'banyan up' starts.",
    options: { dir: directory, data },
    run: runConsole,
  },
];

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
  const command = [...commands, ...innerCommands].find((each) => each.name === name);
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
    const what = cause instanceof Error ? cause.message : String(cause);
    throw new ServiceError(`${what} See 'banyan ${command.name} --help'.`, {
      code: 'invalid_argument',
      reason: 'invalid_command_line',
      cause,
    });
  }
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
