import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';

const root = path.dirname(import.meta.dirname);

interface Step {
  readonly name: string;
  /** Arguments of `node`. */
  readonly run: readonly string[];
  readonly ifItFails: string;
  /** A folder without which there is nothing to check. */
  readonly needs?: string;
}

const installed = (file: string) => path.join(root, 'node_modules', file);
const steps: readonly Step[] = [
  {
    name: 'biome',
    run: [installed('@biomejs/biome/bin/biome'), 'check', '--error-on-warnings', '.'],
    ifItFails: '`npm run format` mends what can be mended by itself; edit the rest.',
  },
  {
    name: 'oxlint',
    run: [installed('oxlint/bin/oxlint'), '--type-aware', '--deny-warnings'],
    ifItFails: 'Await the promise, or handle every member of the switch.',
  },
  {
    name: 'types',
    run: [installed('typescript/bin/tsc'), '-p', 'tsconfig.json'],
    ifItFails: 'Mend the types.',
  },
  {
    name: 'types in a browser',
    run: [installed('typescript/bin/tsc'), '-p', 'tsconfig.browser.json'],
    ifItFails: 'core and contract run in browsers: use nothing that only Node has.',
  },
  {
    name: 'types of the console',
    run: [installed('typescript/bin/tsc'), '-p', 'apps/console/tsconfig.json'],
    ifItFails: 'Mend the types. The page runs in browsers and imports nothing but types from packages.',
  },
  {
    name: 'types of the benchmarks',
    run: [installed('typescript/bin/tsc'), '-p', 'bench'],
    ifItFails: 'Mend the types.',
    needs: 'bench/node_modules',
  },
  {
    name: 'architecture',
    run: ['tools/check-architecture.ts'],
    ifItFails: 'The layers are in architecture.json and explained in ARCHITECTURE.md.',
  },
  {
    name: 'docs',
    run: ['tools/check-docs.ts'],
    ifItFails: '`node tools/check-docs.ts --write` writes the error table; edit the rest.',
  },
  {
    name: 'examples',
    run: ['tools/check-examples.ts'],
    ifItFails: 'Mend the code block at the named line of the page.',
  },
  { name: 'tests', run: ['tools/test.ts'], ifItFails: '`npm test -- PATH` repeats one file.' },
];

const { values } = parseArgs({
  options: { all: { type: 'boolean' }, 'skip-tests': { type: 'boolean' } },
});

const failed: Step[] = [];
for (const step of steps) {
  if (values['skip-tests'] && step.name === 'tests') continue;
  if (step.needs !== undefined && !existsSync(path.join(root, step.needs))) {
    console.log(`── ${step.name}: left out, there is no ${step.needs}`);
    continue;
  }
  console.log(`── ${step.name}`);
  const startMs = Date.now();
  const { status } = spawnSync(process.execPath, step.run, { cwd: root, stdio: 'inherit' });
  const took = `${((Date.now() - startMs) / 1000).toFixed(1)} s`;
  console.log(status === 0 ? `   ${step.name} is fine, ${took}` : `   ${step.name} FAILED, ${took}`);
  if (status === 0) continue;
  failed.push(step);
  if (!values.all) break;
}
for (const step of failed) console.log(`\n${step.name}: ${step.ifItFails}`);
process.exitCode = failed.length === 0 ? 0 : 1;
