import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type BenchCase, type BenchResult, interleave } from './harness.ts';
import { startSystem } from './running-system.ts';

/** Cold start of the photo-print system with its PostgreSQL, and what it keeps in memory. */
export async function run(quick: boolean): Promise<BenchResult> {
  const folder = await mkdtemp(join(tmpdir(), 'banyan-bench-'));
  const kept = join(folder, 'kept');
  const memory = { one: [] as number[], split: [] as number[], processes: 0 };
  let count = 0;
  const cases: BenchCase[] = [
    {
      name: 'first start, empty data folder',
      unit: 's',
      async round() {
        count += 1;
        const system = await startSystem(join(folder, `fresh-${count}`), []);
        await system.stop();
        return system.startMs / 1000;
      },
    },
    {
      name: 'second start, one process',
      unit: 's',
      async round() {
        const system = await startSystem(kept, []);
        memory.one.push(system.usage().memoryMb);
        await system.stop();
        return system.startMs / 1000;
      },
    },
    {
      name: 'second start, split',
      unit: 's',
      async round() {
        const system = await startSystem(kept, ['--split']);
        const { memoryMb, processes } = system.usage();
        memory.split.push(memoryMb);
        memory.processes = processes;
        await system.stop();
        return system.startMs / 1000;
      },
    },
  ];
  const results = await interleave(cases, quick ? 2 : 5);
  await rm(folder, { recursive: true, force: true });
  const one = medianOf(memory.one);
  const split = medianOf(memory.split);
  const figures = [
    { name: 'memory of one process, without PostgreSQL', value: one },
    { name: 'memory for each process, split', value: split / memory.processes },
  ].map(({ name, value }) => ({ name, unit: 'MB', median: value, min: value, max: value }));
  return {
    cases: [...results, ...figures],
    ratios: {},
    notes: [
      `Split runs ${memory.processes} Node processes, the supervisor among them.`,
      'Memory is the proportional set size (Linux): pages that processes share, such as Node itself, are counted once.',
      'Bars: second start under 5 s; one process under 250 MB; an added split service under 80 MB.',
    ],
  };
}

function medianOf(values: readonly number[]): number {
  return [...values].sort((left, right) => left - right)[Math.floor(values.length / 2)] ?? Number.NaN;
}
