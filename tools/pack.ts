import { spawnSync } from 'node:child_process';
import { copyFileSync, cpSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { buildConsole } from '../apps/console/build.ts';
import { type Manifest, readWorkspaces, type Workspace } from './workspace/manifests.ts';
import { filesBelow } from './workspace/source-files.ts';

// Makes the packages as they are published: JavaScript and declarations in `dist`, because Node runs no TypeScript below
// `node_modules`. Prints the paths of the tarballs.

const root = path.dirname(import.meta.dirname);
const { values } = parseArgs({ options: { out: { type: 'string' } } });
const work = path.join(root, '.pack');
const out = path.resolve(values.out ?? path.join(work, 'tarballs'));

rmSync(work, { recursive: true, force: true });
mkdirSync(out, { recursive: true });
const packages = readWorkspaces(root, 'packages');
const emitted = emit();
const consolePage = await buildConsole();
for (const each of packages) console.log(pack(each, emitted));

/** Runs tsc over all packages; types were checked by `npm run verify`. Returns the folder that mirrors the repository. */
function emit(): string {
  const outDir = path.join(work, 'emitted');
  const settings = {
    extends: path.join(root, 'tsconfig.json'),
    compilerOptions: { noEmit: false, noCheck: true, outDir, rootDir: root },
    include: [path.join(root, 'packages/*/src')],
    exclude: [],
  };
  mkdirSync(work, { recursive: true });
  writeFileSync(path.join(work, 'tsconfig.json'), JSON.stringify(settings));
  run(process.execPath, [path.join(root, 'node_modules/typescript/bin/tsc'), '-p', work], root);
  return outDir;
}

function pack(each: Workspace, emittedDir: string): string {
  const staging = path.join(work, 'staging', each.folder);
  cpSync(path.join(emittedDir, 'packages', each.folder, 'src'), path.join(staging, 'dist'), {
    recursive: true,
  });
  for (const file of filesBelow(each.path, '')) {
    const target = shippedAs(path.relative(each.path, file).split(path.sep).join('/'));
    if (target === undefined) continue;
    mkdirSync(path.dirname(path.join(staging, target)), { recursive: true });
    copyFileSync(file, path.join(staging, target));
  }
  // Where `consoleSite` looks for the page that is already built.
  if (each.folder === 'banyan')
    cpSync(consolePage, path.join(staging, 'dist', 'console', 'web'), { recursive: true });
  copyFileSync(path.join(root, 'LICENSE'), path.join(staging, 'LICENSE'));
  writeFileSync(path.join(staging, 'package.json'), JSON.stringify(toPublished(each.manifest), null, 2));
  const npm = run(
    'npm',
    ['pack', '--json', '--ignore-scripts', '--pack-destination', out, '--loglevel=error'],
    staging,
  );
  const [tarball] = Object.values(JSON.parse(npm) as Record<string, { readonly filename: string }>);
  if (tarball === undefined) throw new Error(`npm pack made nothing of ${each.folder}`);
  return path.join(out, tarball.filename);
}

/** Where a file that tsc does not make belongs in the package; undefined if it stays at home. */
function shippedAs(file: string): string | undefined {
  if (file.startsWith('test/') || file === 'package.json' || /\.tsx?$/.test(file)) return undefined;
  return file.startsWith('src/') ? `dist/${file.slice('src/'.length)}` : file;
}

function toPublished({ devDependencies, ...manifest }: Manifest): object {
  const built = (source: string, ending: string) =>
    source.replace('./src/', './dist/').replace(/\.ts$/, ending);
  const each = <Value>(
    record: Readonly<Record<string, string>> | undefined,
    convert: (source: string) => Value,
  ) => Object.fromEntries(Object.entries(record ?? {}).map(([key, source]) => [key, convert(source)]));
  return {
    ...manifest,
    exports: each(manifest.exports, (source) => ({
      types: built(source, '.d.ts'),
      default: built(source, '.js'),
    })),
    ...(manifest.bin === undefined
      ? undefined
      : { bin: each(manifest.bin, (source) => built(source, '.js')) }),
  };
}

function run(command: string, args: readonly string[], cwd: string): string {
  const { status, stdout, stderr, error } = spawnSync(command, args, { cwd, encoding: 'utf8' });
  if (status !== 0) throw new Error(`${command} ${args.join(' ')}: ${stdout}${stderr}`, { cause: error });
  return stdout;
}
