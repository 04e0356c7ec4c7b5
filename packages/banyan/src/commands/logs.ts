import { telemetryApi } from '@banyan/console-api';
import type { OutputOf } from '@banyan/contract';
import type { LogLevel } from '@banyan/core';
import { defineCommand } from '../command.ts';
import { type ConsoleClient, findConsole } from '../console/console-client.ts';
import { limitOf, parseTime, wrong } from '../event-verbs/verb.ts';
import { data, dir, json } from '../shared-options.ts';
import type { Terminal } from '../terminal.ts';

const { searchLogs } = telemetryApi.operations;
type Line = OutputOf<typeof searchLogs.output>['lines'][number];

const levels: readonly LogLevel[] = ['debug', 'info', 'warn', 'error'];

/** `banyan logs [NAME]`: the newest lines of all processes, oldest first; `--follow` goes on with those that come. */
export const logs = defineCommand({
  name: 'logs',
  usage: 'banyan logs [NAME] [options]',
  summary:
    'Show the newest log lines of all processes, or of one service; asks the console, so in development.',
  options: {
    dir,
    data,
    follow: { type: 'boolean', short: 'f', summary: 'Go on with the lines that come.' },
    level: { type: 'string', value: 'LEVEL', summary: 'This level and those more serious.' },
    text: {
      type: 'string',
      value: 'WORDS',
      summary: 'Lines with these words; "…" a phrase, -word without.',
    },
    trace: { type: 'string', value: 'ID', summary: 'Lines of one trace.' },
    since: { type: 'string', value: 'TIME', summary: 'Default: 1h ago. A time, or 30s, 15m, 2h, 1d.' },
    limit: { type: 'string', value: 'N', summary: 'At most so many, up to 1000. Default: 50.' },
    json,
  },
  async run(input, terminal) {
    const { options, positionals } = input;
    const console = await findConsole(input, terminal);
    const filter = {
      service: positionals[0],
      level: levelOf(options.level),
      traceId: options.trace,
      text: options.text,
    };
    const { since } = options;
    const from = since === undefined ? undefined : parseTime('--since', since, Date.now());
    const write = (line: Line) =>
      terminal.write(options.json === true ? `${JSON.stringify(line)}\n` : renderLine(line));
    const limit = Math.min(limitOf({ options }), 1_000);
    const search = () => newest(console, { ...filter, from, limit });
    if (options.follow === true) await follow(console, { filter, search, write, terminal });
    else for (const line of await search()) write(line);
    return 0;
  },
});

interface Search {
  readonly limit: number;
  readonly [filter: string]: string | number | undefined;
}

/** A search that has stopped before its end goes on until it has enough, or there is no more. Oldest first. */
async function newest(console: ConsoleClient, { limit, ...filter }: Search): Promise<readonly Line[]> {
  const lines: Line[] = [];
  let after: string | undefined;
  do {
    const page = await console.ask(searchLogs, { ...filter, limit: limit - lines.length, after });
    lines.push(...page.lines);
    after = page.searchedTo === undefined ? undefined : page.next;
  } while (after !== undefined && lines.length < limit);
  return lines.toReversed();
}

interface Following {
  readonly filter: Readonly<Record<string, string | undefined>>;
  /** The lines so far, oldest first. */
  readonly search: () => Promise<readonly Line[]>;
  readonly write: (line: Line) => void;
  readonly terminal: Terminal;
}

async function follow(console: ConsoleClient, { filter, search, write, terminal }: Following): Promise<void> {
  const query = new URLSearchParams({ topic: 'logs' });
  for (const [name, value] of Object.entries(filter)) if (value !== undefined) query.set(name, value);
  const stopping = new AbortController();
  void terminal.stopRequested.then(() => stopping.abort());
  try {
    // Before the search, so that what is stored meanwhile comes too; some of it twice.
    const coming = await console.watch(query, stopping.signal);
    const found = await search();
    for (const line of found) write(line);
    const shown = new Set(found.map(({ id }) => id));
    for await (const { name, data } of coming) {
      if (name === 'logs')
        for (const line of (data as { readonly lines: readonly Line[] }).lines)
          if (!shown.has(line.id)) write(line);
      if (name === 'missed')
        terminal.fail('some lines were left out: they came faster than they could be shown');
    }
  } catch (error) {
    // Ctrl-C is how it ends.
    if (!stopping.signal.aborted) throw error;
  }
}

function levelOf(value: string | undefined): LogLevel | undefined {
  if (value === undefined) return undefined;
  const level = levels.find((each) => each === value);
  if (level === undefined) throw wrong(`--level is one of ${levels.join(', ')}.`);
  return level;
}

function renderLine({ at, level, service, message, traceId, attributes }: Line): string {
  const fields = Object.entries(attributes)
    .filter(([name]) => name !== 'exception.stacktrace')
    .map(([name, value]) => `${name}=${typeof value === 'string' ? value : JSON.stringify(value)}`);
  const trace = traceId === undefined ? [] : [`trace=${traceId}`];
  return `${[at.slice(11, 23), level.toUpperCase().padEnd(5), `${service}:`, message, ...fields, ...trace].join(' ')}\n`;
}
