import { mkdirSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { build } from 'esbuild';

const home = import.meta.dirname;
const sources = path.join(home, 'src');

/** Where the page ends up: `index.html` and the files that it names. */
export const consoleAssets: string = path.join(home, 'dist');

/** Builds the page unless what is built is younger than its sources. @returns the folder to serve */
export async function buildConsole(): Promise<string> {
  const page = statSync(path.join(consoleAssets, 'index.html'), { throwIfNoEntry: false });
  if (page === undefined || page.mtimeMs < youngestMs(home)) await bundle();
  return consoleAssets;
}

/** File names carry a hash of their content, so browsers may keep them for good; `index.html` names the first ones. */
async function bundle(): Promise<void> {
  rmSync(consoleAssets, { recursive: true, force: true });
  const { metafile } = await build({
    entryPoints: { console: path.join(sources, 'main.tsx') },
    outdir: consoleAssets,
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
  const [firstPage = ''] = outputs.find(([, { entryPoint }]) => entryPoint?.endsWith('map-page.tsx')) ?? [];
  const early = [firstPage, ...(metafile.outputs[script]?.imports ?? [])]
    .map((each) => (typeof each === 'string' ? each : each.kind === 'import-statement' ? each.path : ''))
    .filter((each) => each !== '')
    .map((each) => path.basename(each));
  mkdirSync(consoleAssets, { recursive: true });
  writeFileSync(
    path.join(consoleAssets, 'index.html'),
    indexPage({ script: path.basename(script), style: path.basename(cssBundle), early }),
  );
}

interface IndexParts {
  readonly script: string;
  readonly style: string;
  /** Scripts that the first page needs, so that they come with the page and not one after the other. */
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
    <link rel="stylesheet" href="/${style}">${preloads}
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
