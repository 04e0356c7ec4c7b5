import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { BenchResult } from './src/harness.ts';
import { describeMachine, renderResult } from './src/report.ts';

const here = fileURLToPath(new URL('.', import.meta.url));
const names = readdirSync(new URL('./src/', import.meta.url))
  .filter((name) => name.endsWith('.bench.ts'))
  .map((name) => name.replace('.bench.ts', ''));
const [name, ...flags] = process.argv.slice(2);
if (name === undefined || !names.includes(name) || flags.some((flag) => flag !== '--quick')) {
  console.error(
    `Usage: npm run bench -- NAME [--quick]\n\nNAME is one of ${names.join(', ')}. --quick takes some minutes at most.`,
  );
  process.exit(2);
}

if (!existsSync(`${here}node_modules/.package-lock.json`)) {
  console.error('Installing the peers into bench/ (first run) …');
  const installed = spawnSync(
    'npm',
    ['ci', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'],
    {
      cwd: here,
      stdio: ['ignore', 'ignore', 'inherit'],
    },
  );
  if (installed.status !== 0) process.exit(installed.status ?? 1);
}

const { run } = (await import(`./src/${name}.bench.ts`)) as { run: (quick: boolean) => Promise<BenchResult> };
const result = {
  bench: name,
  ...describeMachine(),
  quick: flags.includes('--quick'),
  ...(await run(flags.includes('--quick'))),
};
console.log(renderResult(result));
mkdirSync(`${here}results`, { recursive: true });
const day = new Date().toISOString().slice(0, 10);
writeFileSync(
  `${here}results/${name}-${day}${result.quick ? '-quick' : ''}.json`,
  `${JSON.stringify(result, null, 2)}\n`,
);
console.log(JSON.stringify(result));
process.exit(0);
