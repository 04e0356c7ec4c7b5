import { telemetryApi } from '@banyan/console-api';
import type { OutputOf } from '@banyan/contract';
import { defineCommand } from '../command.ts';
import { findConsole } from '../console/console-client.ts';
import { parseTime, wrong } from '../event-verbs/verb.ts';
import { data, dir, json } from '../shared-options.ts';
import { renderTable } from '../table.ts';

const { getCallDepth } = telemetryApi.operations;
type Report = OutputOf<typeof getCallDepth.output>;

/** `banyan depth`: how deep calls wait for each other, as traces show it; fails if one chain is deeper than it may be, or if there is none to look at. */
export const depth = defineCommand({
  name: 'depth',
  usage: 'banyan depth [options]',
  summary:
    'Show how deep calls wait for each other, as traces tell; fails if it is too deep, or without traces. Asks the console, so in development.',
  options: {
    dir,
    data,
    'at-most': { type: 'string', value: 'N', summary: 'What is deeper fails. Default: 3.' },
    since: { type: 'string', value: 'TIME', summary: 'Default: 1h ago. A time, or 30s, 15m, 2h, 1d.' },
    json,
  },
  async run(input, terminal) {
    const { since = '1h', json: asJson, 'at-most': given = '3' } = input.options;
    const atMost = atMostOf(given);
    const from = parseTime('--since', since, Date.now());
    const console = await findConsole(input, terminal);
    const report = await console.ask(getCallDepth, { from, atMost });
    const tooDeep = report.operations.filter(({ isTooDeep }) => isTooDeep);
    terminal.write(
      asJson === true ? `${JSON.stringify(report, null, 2)}\n` : renderReport(report, tooDeep.length),
    );
    return report.operations.length > 0 && tooDeep.length === 0 ? 0 : 1;
  },
});

function atMostOf(given: string): number {
  const atMost = Number(given);
  if (Number.isInteger(atMost) && atMost >= 1 && atMost <= 100) return atMost;
  throw wrong(`--at-most must be a whole number from 1 to 100, not '${given}'.`);
}

function renderReport({ operations, traces, isWhole, atMost }: Report, tooDeep: number): string {
  if (operations.length === 0) return 'No traces in this time: nothing was looked at.\n';
  const rows = operations.map(({ depth: calls, isTooDeep, chain, traceId }) => [
    `${calls}${isTooDeep ? ' ✗' : ''}`,
    chain.map(({ service, operation }) => `${service} ${operation}`).join(' → '),
    traceId,
  ]);
  const verdict = tooDeep === 0 ? `None is deeper than ${atMost}.` : `${tooDeep} deeper than ${atMost}.`;
  const read = isWhole
    ? `All ${traces} traces were read.`
    : `Only a part was read, ${traces} traces: the rest may be deeper.`;
  return `${renderTable(['depth', 'who waits for whom', 'trace'], rows)}\n${verdict} ${read}\n`;
}
