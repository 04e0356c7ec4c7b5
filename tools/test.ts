import { randomInt } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { findTestFiles } from './test-runner/find-files.ts';
import { makeMemoryFolder } from './test-runner/memory-folder.ts';
import { type FileResult, runFile } from './test-runner/run-file.ts';
import { slowestFirst } from './test-runner/slow-files.ts';

const root = path.dirname(import.meta.dirname);
const usage = `npm test [-- --only PATTERN] [-- PATH …]

  --only PATTERN   run only tests whose name matches the regular expression
  PATH             run only the test files at or below these paths

BANYAN_SEED replays a random run; BANYAN_TEST_TIMEOUT_MS is the time for one file (default 300000), and BANYAN_TEST_LINGER_MS
how long its process may live on after its last test (30000); BANYAN_TEST_FILES is how many files run at once (one for each processor);
BANYAN_TEST_DATABASE_URL uses a PostgreSQL server of yours; BANYAN_REQUIRE_SERVICES=1 fails instead of skipping
what a missing service makes impossible. BANYAN_UNSTEADY=N runs up to N files that failed again, alone, at most twice: what
then passes is listed as unsteady instead of failing the run.
`;

interface Options {
  readonly only: string | undefined;
  readonly files: readonly string[];
  readonly timeoutMs: number;
  readonly lingerMs: number;
  /** Files at once. */
  readonly atOnce: number;
}

function readOptions(): Options | undefined {
  const { values, positionals } = parseArgs({
    options: { only: { type: 'string' }, help: { type: 'boolean', short: 'h' } },
    allowPositionals: true,
  });
  if (values.help) return undefined;
  return {
    only: values.only,
    files: slowestFirst(root, findTestFiles(root, positionals)),
    timeoutMs: numberOf('BANYAN_TEST_TIMEOUT_MS', 300_000),
    lingerMs: numberOf('BANYAN_TEST_LINGER_MS', 30_000),
    atOnce: numberOf('BANYAN_TEST_FILES', availableParallelism()),
  };
}

function numberOf(variable: string, otherwise: number): number {
  const text = process.env[variable] ?? '';
  return text === '' ? otherwise : Number(text);
}

/** One server for all files; each test makes its own databases in it. */
async function startDatabase(files: readonly string[]): Promise<() => Promise<void>> {
  // A file may also reach it through a helper beside it.
  const wanted = files.some((file) => /@banyan\/testing|from '\.{1,2}\//.test(readFileSync(file, 'utf8')));
  if (!wanted || process.env['BANYAN_TEST_DATABASE_URL'] !== undefined) return async () => {};
  try {
    const { startTestServer } = await import('@banyan/testing');
    const server = await startTestServer();
    process.env['BANYAN_TEST_DATABASE_URL'] = server.url;
    return () => server.stop();
  } catch (error) {
    // Tests that need it say so themselves; the others still tell something.
    console.error('The shared PostgreSQL server did not start:', error);
    return async () => {};
  }
}

async function runAll(options: Options, signal: AbortSignal): Promise<readonly FileResult[]> {
  const scratch = mkdtempSync(path.join(tmpdir(), 'banyan-test-'));
  const waiting = [...options.files];
  const results: FileResult[] = [];
  const work = async () => {
    for (let file = waiting.shift(); file !== undefined && !signal.aborted; file = waiting.shift()) {
      const result = await runFile(file, { ...options, root, scratch, signal });
      results.push(result);
      if (ranSomething(result)) printFile(result);
    }
  };
  try {
    await Promise.all(Array.from({ length: options.atOnce }, work));
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
  return results;
}

interface Outcome {
  readonly results: readonly FileResult[];
  /** What failed beside other files and passed alone. */
  readonly unsteady: readonly string[];
}

/** A file that fails beside others gets this many tries alone. */
const triesAlone = 2;

/**
 * Runs failed files again by themselves, if they are few: a shared machine that stalls for seconds must not refuse good work, yet
 * nothing that happened is hidden.
 */
async function runUnsteadyAgain(
  first: readonly FileResult[],
  options: Options,
  signal: AbortSignal,
): Promise<Outcome> {
  const failed = first.filter(hasFailed);
  const allowed = Number(process.env['BANYAN_UNSTEADY'] ?? 0);
  if (failed.length > allowed) return { results: first, unsteady: [] };
  const latest = new Map(first.map((result) => [result.file, result]));
  for (let tries = 0; tries < triesAlone && !signal.aborted; tries += 1) {
    const files = [...latest.values()].filter(hasFailed).map(({ file }) => path.join(root, file));
    if (files.length === 0) break;
    console.log(`\nAgain, alone: ${files.map((file) => path.relative(root, file)).join(', ')}`);
    for (const result of await runAll({ ...options, files, atOnce: 1 }, signal))
      latest.set(result.file, result);
  }
  const unsteady = failed.flatMap(({ file, failed: tests }) =>
    latest.get(file)?.failed.length === 0 ? tests.map(({ name }) => `${file}: ${name}`) : [],
  );
  return { results: [...latest.values()], unsteady };
}

function hasFailed({ failed }: FileResult): boolean {
  return failed.length > 0;
}

/** False for a file in which `--only` matched nothing. */
function ranSomething({ passed, failed, skipped }: FileResult): boolean {
  return passed + failed.length + skipped.length > 0;
}

function printFile(result: FileResult): void {
  const { file, passed, skipped, failed, durationMs } = result;
  const counts = [`${passed} passed`];
  if (failed.length > 0) counts.push(`${failed.length} failed`);
  if (skipped.length > 0) counts.push(`${skipped.length} skipped`);
  console.log(
    `${failed.length > 0 ? '✖' : '✔'} ${file}  ${counts.join(', ')}  ${(durationMs / 1000).toFixed(1)} s`,
  );
  if (failed.length === 0) return;
  for (const { name, error } of failed) console.log(`\n  ✖ ${name}\n${indent(error)}`);
  if (result.output.trim() !== '') console.log(`\n  It printed:\n${indent(result.output.trimEnd())}`);
  console.log('');
}

function indent(text: string): string {
  return text.replaceAll(/^/gm, '    ');
}

/** Prints what was skipped and what failed, and returns the exit code. */
function summarise({ results, unsteady }: Outcome, seed: string): number {
  const skipped = results.flatMap(({ file, skipped }) => skipped.map((test) => ({ file, ...test })));
  const failed = results.flatMap(({ file, failed }) => failed.map((test) => ({ file, ...test })));
  const passed = results.reduce((sum, result) => sum + result.passed, 0);
  // Tests that lack something on this machine say `needs …`; other reasons, such as `slow: …`, are choices.
  const missing = skipped.filter(({ reason }) => /^needs\b/i.test(reason));
  const mustRun = process.env['BANYAN_REQUIRE_SERVICES'] === '1' ? missing : [];
  list(
    'Skipped:',
    skipped.map(({ file, name, reason }) => `${file}: ${name} (${reason})`),
  );
  list(
    'Skipped, but BANYAN_REQUIRE_SERVICES=1:',
    mustRun.map(({ file, name }) => `${file}: ${name}`),
  );
  list('Unsteady (failed beside others, passed alone; please mend):', unsteady);
  list(
    'Failed:',
    failed.map(({ file, name }) => `${file}: ${name}`),
  );
  const failures = failed.length + mustRun.length;
  const ran = passed + failed.length > 0;
  if (failures > 0) console.log(`\nReplay with BANYAN_SEED=${seed}`);
  if (!ran) console.log('\nNo test ran.');
  console.log(`\n${passed} passed, ${failures} failed, ${skipped.length - mustRun.length} skipped`);
  return failures === 0 && ran ? 0 : 1;
}

function list(title: string, lines: readonly string[]): void {
  if (lines.length > 0) console.log(['', title, ...lines.map((line) => `  ${line}`)].join('\n'));
}

async function main(): Promise<number> {
  const options = readOptions();
  if (options === undefined) {
    console.log(usage);
    return 0;
  }
  const seed = process.env['BANYAN_SEED'] ?? String(randomInt(2 ** 31));
  process.env['BANYAN_SEED'] = seed;
  console.log(`${options.files.length} test files, seed ${seed} (BANYAN_SEED replays it)`);
  const interruption = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => interruption.abort());
  const memoryFolder = makeMemoryFolder();
  if (memoryFolder !== undefined) process.env['TMPDIR'] = memoryFolder;
  const stopDatabase = await startDatabase(options.files);
  try {
    const first = await runAll(options, interruption.signal);
    const exitCode = summarise(await runUnsteadyAgain(first, options, interruption.signal), seed);
    return interruption.signal.aborted ? 130 : exitCode;
  } finally {
    await stopDatabase();
    if (memoryFolder !== undefined) rmSync(memoryFolder, { recursive: true, force: true, maxRetries: 10 });
  }
}

try {
  process.exitCode = await main();
} catch (error) {
  const misuse =
    error instanceof RangeError || (error as NodeJS.ErrnoException).code?.startsWith('ERR_PARSE_ARGS');
  console.error(misuse ? `${(error as Error).message}\n\n${usage}` : error);
  process.exitCode = 1;
}
