import { telemetryApi } from '@banyan/console-api';
import type { OutputOf } from '@banyan/contract';
import { defineCommand } from '../command.ts';
import { findConsole } from '../console/console-client.ts';
import { ms } from '../console/figures.ts';
import { wrong } from '../event-verbs/verb.ts';
import { data, dir, json } from '../shared-options.ts';

const { getTrace } = telemetryApi.operations;
type Trace = OutputOf<typeof getTrace.output>;

const barWidth = 40;
const nameWidth = 44;

/** `banyan trace NAME`, the name being its id: its spans as a waterfall; those of the critical path are marked. */
export const trace = defineCommand({
  name: 'trace',
  usage: 'banyan trace NAME [options]',
  summary: 'Draw one trace, named by its id, with its critical path; asks the console, so in development.',
  options: { dir, data, json },
  async run(input, terminal) {
    const [id = ''] = input.positionals;
    const traceId = id.toLowerCase().replaceAll('-', '');
    if (!/^[0-9a-f]{32}$/.test(traceId))
      throw wrong(
        'Name a trace: banyan trace ID, 32 hexadecimal digits, as log lines and answers have them.',
      );
    const console = await findConsole(input, terminal);
    const found = await console.ask(getTrace, { traceId });
    terminal.write(input.options.json === true ? `${JSON.stringify(found, null, 2)}\n` : renderTrace(found));
    return 0;
  },
});

function renderTrace(found: Trace): string {
  const critical = new Set(found.criticalPath.map(({ spanId }) => spanId));
  const lines = found.spans.map((span) => {
    const indent = '  '.repeat(Math.min(span.depth, 12));
    const name = `${indent}${span.service} ${span.name}`.slice(0, nameWidth).padEnd(nameWidth);
    const bar = barOf(span, { durationUs: found.durationUs, sign: critical.has(span.spanId) ? '█' : '░' });
    const problem = span.isError ? `  ✗ ${span.statusMessage ?? 'error'}` : '';
    return `${name} ${bar} ${ms(span.durationUs / 1_000).padStart(9)}${problem}`;
  });
  const times = found.selfTimes.map(
    ({ service, criticalUs }) =>
      `  ${service.padEnd(24)} ${ms(criticalUs / 1_000).padStart(9)} of the critical path`,
  );
  const head = `${found.service} ${found.operation}  ${ms(found.durationUs / 1_000)}  ${found.startedAt}`;
  return `${[head, '', ...lines, '', ...times].join('\n')}\n`;
}

interface Bar {
  readonly durationUs: number;
  readonly sign: string;
}

function barOf(span: Trace['spans'][number], { durationUs, sign }: Bar): string {
  const scale = durationUs === 0 ? 0 : barWidth / durationUs;
  const from = Math.min(barWidth - 1, Math.max(0, Math.floor(span.offsetUs * scale)));
  const width = Math.max(1, Math.min(barWidth - from, Math.round(span.durationUs * scale)));
  return `${'·'.repeat(from)}${sign.repeat(width)}${'·'.repeat(barWidth - from - width)}`;
}
