import type { ChildProcess } from 'node:child_process';
import { barNote } from './bars.ts';
import { load } from './gateway/wrk.ts';
import { type BenchCase, type BenchResult, interleave, ratio, summarise } from './harness.ts';
import { messageOf, startPinned } from './processes.ts';
import { type Form, forms } from './telemetry/forms.ts';

const names: Record<Form, string> = {
  off: 'telemetry off',
  sampled: 'telemetry on, a tenth of the traces',
  all: 'telemetry on, every trace',
  sdk: 'OpenTelemetry SDK, every trace',
};

interface Usage {
  readonly cpuUs: number;
  readonly rssBytes: number;
}

/** The same system, watched in four ways: it runs on the first CPU, the load, the database and the receiver on the second. */
export async function run(quick: boolean): Promise<BenchResult> {
  const seconds = quick ? 2 : 4;
  const rounds = quick ? 3 : 7;
  const receiver = startPinned(new URL('./telemetry/receiver.ts', import.meta.url), [], 1);
  const receiverUrl = await messageOf<string>(receiver);
  const systems = new Map<Form, { readonly child: ChildProcess; readonly url: string }>();
  for (const form of forms) {
    const child = startPinned(new URL('./telemetry/server.ts', import.meta.url), [form, receiverUrl], 0);
    systems.set(form, { child, url: await messageOf<string>(child) });
  }
  const samples = new Map<string, number[]>();
  const note = (name: string, value: number) => samples.set(name, [...(samples.get(name) ?? []), value]);
  const cases = [...systems].map(
    ([form, { child, url }]): BenchCase => ({
      name: names[form],
      unit: 'requests/s',
      async round() {
        const before = await ask<Usage>(child);
        const { requestsPerSecond, p99Ms } = await load(url, { seconds, connections: 16 });
        const after = await ask<Usage>(child);
        const requests = requestsPerSecond * seconds;
        note(`${names[form]}, p99`, p99Ms * 1_000);
        note(`${names[form]}, CPU`, (after.cpuUs - before.cpuUs) / requests);
        note(`${names[form]}, memory`, after.rssBytes / 2 ** 20);
        return requestsPerSecond;
      },
    }),
  );
  const rates = await interleave(cases, rounds);
  const units: Readonly<Record<string, string>> = { p99: 'µs', CPU: 'µs/request', memory: 'MiB' };
  const others = [...samples].map(([name, values]) =>
    summarise(name, units[name.slice(name.lastIndexOf(' ') + 1)] ?? '', values.slice(1)),
  );
  for (const { child } of systems.values()) {
    // One after the other: the last one to go stops the database that they share.
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.send('stop');
    await ended;
  }
  receiver.disconnect();
  const results = [...rates, ...others];
  const against = (form: Form, what = '') => ratio(results, `${names[form]}${what}`, `${names.off}${what}`);
  const cpuOf = (form: Form) =>
    results.find(({ name }) => name === `${names[form]}, CPU`)?.median ?? Number.NaN;
  const share = (form: Form) =>
    Number(((cpuOf(form) - cpuOf('off')) / (cpuOf('sdk') - cpuOf('off'))).toFixed(2));
  /** Per cent of the requests that are missing, or of the time that is more. */
  const lost = (form: Form, what: string) => {
    const kept = against(form, what);
    return what === '' ? 100 * (1 - kept) : 100 * (1 / kept - 1);
  };
  return {
    cases: results,
    ratios: {
      ...Object.fromEntries(
        forms
          .slice(1)
          .flatMap((form) =>
            ['', ', p99', ', CPU', ', memory'].map((what) => [
              `${names[form]}/off${what === '' ? ', requests/s' : what}`,
              against(form, what),
            ]),
          ),
      ),
      'CPU that telemetry adds, a tenth of the traces/SDK': share('sampled'),
      'CPU that telemetry adds, every trace/SDK': share('all'),
    },
    notes: [
      'A request: gateway, two operations in one process and a SQL statement; four spans. The SDK makes the same four, the first by its HTTP instrumentation.',
      'Banyan sends metrics and makes exemplars and keeps what failed or was slow; the SDK does none of these here. Log lines are off for all.',
      ...(['sampled', 'all'] as const).flatMap((form) => [
        ...['', ', p99'].map((what) =>
          barNote({
            what: `${names[form]}, ${what === '' ? 'requests/s' : 'p99'} lost against off`,
            measured: lost(form, what),
            atMost: what === '' ? 8 : 10,
            unit: '%',
          }),
        ),
        barNote({
          what: `${names[form]}, of the CPU that the SDK adds`,
          measured: share(form) * 100,
          atMost: 33.4,
          unit: '%',
        }),
      ]),
    ],
  };
}

function ask<Answer>(child: ChildProcess): Promise<Answer> {
  child.send('usage');
  return messageOf<Answer>(child);
}
