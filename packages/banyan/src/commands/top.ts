import { telemetryApi } from '@banyan/console-api';
import type { OutputOf } from '@banyan/contract';
import { defineCommand } from '../command.ts';
import { type ConsoleClient, findConsole } from '../console/console-client.ts';
import { ms, percent, rate } from '../console/figures.ts';
import { data, dir } from '../shared-options.ts';
import { renderTable } from '../table.ts';
import { lastMinute, sayMissing } from './status.ts';

const { listOperations } = telemetryApi.operations;
type Operations = OutputOf<typeof listOperations.output>['operations'];

const refreshMs = 1_000;
const shown = 30;
const clear = '\u001b[2J\u001b[H';

/** `banyan top`: the operations of the last minute, those with most time in all first; anew every second where a person watches. */
export const top = defineCommand({
  name: 'top',
  usage: 'banyan top [options]',
  summary:
    'Show the busiest operations of the last minute, anew every second; asks the console, so in development.',
  options: { dir, data, once: { type: 'boolean', summary: 'Once, as without a terminal.' } },
  async run(input, terminal) {
    const console = await findConsole(input, terminal);
    if (!terminal.interactive || input.options.once === true) {
      terminal.write(await renderTop(console));
      return 0;
    }
    let isStopping = false;
    const stopped = terminal.stopRequested.then(() => {
      isStopping = true;
    });
    while (!isStopping) {
      // They come back by themselves: whoever watches need not begin anew.
      const figures = await renderTop(console).catch((error: unknown) => `${sayMissing(error)}\n`);
      terminal.write(`${clear}${figures}\nCtrl-C ends it.\n`);
      await Promise.race([stopped, new Promise((resolve) => setTimeout(resolve, refreshMs))]);
    }
    return 0;
  },
});

async function renderTop(console: ConsoleClient): Promise<string> {
  const { operations } = await console.ask(listOperations, lastMinute());
  const busiest = operations.toSorted((a, b) => loadOf(b) - loadOf(a)).slice(0, shown);
  const rows = busiest.map((each) => [
    each.service,
    each.operation,
    rate(each.perSecond),
    percent(each),
    ms(each.p50Ms),
    ms(each.p95Ms),
    ms(each.p99Ms),
  ]);
  return renderTable(['service', 'operation', 'req/s', 'errors', 'p50', 'p95', 'p99'], rows);
}

/** Time that goes by in it, about. */
function loadOf({ count, p50Ms = 0 }: Operations[number]): number {
  return count * p50Ms;
}
