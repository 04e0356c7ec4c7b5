import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { build } from 'esbuild';

const here = import.meta.dirname;
/** What an earlier start may still be reading is left alone. */
const keptMs = 3_600_000;

/**
 * Builds the page unless it is built from its sources as they are: `index.html`, `traces.html` and so on, and the files that they name. A finished build never changes, so starts at the
 * same time do not disturb each other.
 * @param home the folder with `src/main.tsx`
 * @returns the folder to serve
 */
export async function buildConsole(home: string = here): Promise<string> {
  const builds = path.join(home, 'dist');
  const page = path.join(builds, `${Math.trunc(youngestMs(home))}`);
  if (existsSync(page)) return page;
  mkdirSync(builds, { recursive: true });
  removeOld(builds);
  const unfinished = mkdtempSync(path.join(builds, 'unfinished-'));
  try {
    await bundle(home, unfinished);
    renameSync(unfinished, page);
  } catch (error) {
    // Another start was faster with the same.
    if (!existsSync(page)) throw error;
  } finally {
    rmSync(unfinished, { recursive: true, force: true });
  }
  return page;
}

function removeOld(builds: string): void {
  for (const name of readdirSync(builds)) {
    const build = path.join(builds, name);
    const changedMs = statSync(build, { throwIfNoEntry: false })?.mtimeMs ?? 0;
    if (changedMs < Date.now() - keptMs) rmSync(build, { recursive: true, force: true });
  }
}

/** File names carry a hash of their content, so browsers may keep them for good; `index.html`, and one such file for each page, names the first ones. */
async function bundle(home: string, folder: string): Promise<void> {
  const { metafile } = await build({
    entryPoints: { console: path.join(home, 'src', 'main.tsx') },
    outdir: folder,
    entryNames: '[name]-[hash]',
    chunkNames: '[name]-[hash]',
    assetNames: '[name]-[hash]',
    loader: { '.svg': 'file' },
    bundle: true,
    splitting: true,
    format: 'esm',
    target: 'es2023',
    minify: true,
    metafile: true,
    jsx: 'automatic',
    jsxImportSource: 'preact',
    logLevel: 'silent',
  });
  const outputs = Object.entries(metafile.outputs);
  const [script, { cssBundle = '' } = {}] =
    outputs.find(([, { entryPoint }]) => entryPoint?.endsWith('main.tsx')) ?? [];
  if (script === undefined) throw new Error('esbuild made no script of src/main.tsx.');
  const importsOf = (file: string): readonly string[] =>
    (metafile.outputs[file]?.imports ?? [])
      .filter(({ kind }) => kind === 'import-statement')
      .flatMap(({ path: each }) => [each, ...importsOf(each)]);
  const write = (name: string, ...pages: readonly string[]) => {
    const needed = [...importsOf(script), ...pages, ...pages.flatMap(importsOf)];
    const early = new Set(needed.map((each) => path.basename(each)));
    const parts = { script: path.basename(script), style: path.basename(cssBundle), early: [...early] };
    writeFileSync(path.join(folder, name), indexPage(parts));
  };
  write('index.html');
  for (const [file, { entryPoint = '' }] of outputs) {
    const [, page] = /\/([a-z]+)-page\.tsx$/.exec(entryPoint) ?? [];
    if (page !== undefined) write(page === 'map' ? 'index.html' : `${page}.html`, file);
  }
}

interface IndexParts {
  readonly script: string;
  readonly style: string;
  /** Scripts that this page needs, so that they come with it and not one after the other. */
  readonly early: readonly string[];
}

function indexPage({ script, style, early }: IndexParts): string {
  const preloads = early.map((each) => `\n    <link rel="modulepreload" href="/${each}">`).join('');
  return `<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <meta name="color-scheme" content="light dark">
    <title>Banyan console</title>
    <link rel="icon" href="data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'%3E%3Cpath d='M8 1.5 14 5v6l-6 3.5L2 11V5z' fill='%2317795e'/%3E%3C/svg%3E">
    <link rel="stylesheet" href="/${style}">
    <link rel="preload" href="/api/system" as="fetch" crossorigin="anonymous">${preloads}
    <script type="module" src="/${script}"></script>
  </head>
  <body></body>
</html>
`;
}

function youngestMs(folder: string): number {
  return readdirSync(folder, { withFileTypes: true })
    .filter(({ name }) => !['dist', 'node_modules', 'test'].includes(name))
    .map((entry) => path.join(folder, entry.name))
    .reduce((most, file) => {
      const status = statSync(file);
      return Math.max(most, status.isDirectory() ? youngestMs(file) : status.mtimeMs);
    }, 0);
}
