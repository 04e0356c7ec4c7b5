import { createCpuMeter, findProcesses } from './events/cpu-meter.ts';
import { startPostgresPair } from './events/postgres-pair.ts';
import { type BenchResult, type CaseResult, format, summarise } from './harness.ts';
import { startBanyan } from './saga/banyan.stack.ts';
import { drive } from './saga/stack.ts';

/** What a saga costs while so many others wait. */
export async function run(quick: boolean): Promise<BenchResult> {
  const sizes = quick ? [1_000, 100_000] : [1_000, 100_000, 1_000_000];
  const rounds = quick ? 1 : 5;
  const durationMs = quick ? 1_000 : 4_000;
  const load = { concurrency: 64, durationMs };
  const pair = await startPostgresPair();
  const servers = findProcesses(['postgres']);
  const meter = createCpuMeter(() => servers);
  const stack = await startBanyan(pair, 'local');
  const cases: CaseResult[] = [];
  const costs: number[] = [];
  const notes: string[] = [];
  await drive(stack, load, () => 0);
  let waiting = 0;
  for (const size of sizes) {
    await stack.addWaiting(size - waiting);
    waiting = size;
    const found = [];
    for (let round = 0; round < rounds; round += 1) found.push(await drive(stack, load, () => meter.read()));
    const name = `${format(size)} waiting`;
    const cpu = summarise(
      `${name}, CPU`,
      'ms per 1,000',
      found.map((each) => each.cpuMsPer1000),
    );
    const rate = summarise(
      name,
      '/s',
      found.map((each) => each.perSecond),
    );
    costs.push(cpu.median);
    cases.push(cpu, rate);
    notes.push(`${name}: a look for due sagas: ${await stack.footprint()}`);
    console.error(`${name}: ${format(rate.median)} /s, ${format(cpu.median)} ms of CPU per 1,000`);
  }
  await stack.stop();
  await pair.stop();
  return {
    cases,
    ratios: {
      'cost with fewest waiting / with most': Number(
        ((costs[0] ?? Number.NaN) / (costs.at(-1) ?? 1)).toFixed(2),
      ),
    },
    notes: [...notes, 'Three local steps, 64 at a time, every flush on. Bar: flat within 20 %.'],
  };
}
