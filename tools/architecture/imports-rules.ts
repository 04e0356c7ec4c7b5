import { existsSync, readFileSync } from 'node:fs';
import { isBuiltin } from 'node:module';
import path from 'node:path';
import { type Import, importsOf, splitSpecifier } from '../workspace/imports.ts';
import { runtimeDependencies, type Workspace } from '../workspace/manifests.ts';
import { filesBelow } from '../workspace/source-files.ts';

interface SourceFile {
  /** Relative to the root, with `/`. */
  readonly name: string;
  readonly path: string;
  readonly imports: readonly Import[];
}

/** What a package's source imports is declared, public, and no application; tests may also use `devDependencies`. */
export function checkPackageImports(
  root: string,
  each: Workspace,
  packages: readonly Workspace[],
): readonly string[] {
  const runtime = new Set([each.manifest.name, ...runtimeDependencies(each.manifest)]);
  const all = new Set([...runtime, ...Object.keys(each.manifest.devDependencies ?? {})]);
  return sourcesOf(root, each.path).flatMap((file) => {
    const inSource = file.path.startsWith(path.join(each.path, 'src') + path.sep);
    const home = inSource ? path.join(each.path, 'src') : each.path;
    return file.imports.flatMap((found) =>
      found.specifier.startsWith('.')
        ? checkRelative(file, found, home)
        : checkBare(file, found, inSource ? runtime : all, packages),
    );
  });
}

/** A system uses public packages only, and its services meet only in their contracts. */
export function checkSystemImports(
  root: string,
  system: Workspace,
  packages: readonly Workspace[],
): readonly string[] {
  const runtime = new Set(runtimeDependencies(system.manifest));
  const all = new Set([...runtime, ...Object.keys(system.manifest.devDependencies ?? {})]);
  return sourcesOf(root, system.path).flatMap((file) => {
    const declared = isTest(file.name) ? all : runtime;
    return file.imports.flatMap((found) => {
      if (!found.specifier.startsWith('.')) return checkBare(file, found, declared, packages);
      return [...checkRelative(file, found, system.path), ...checkNeighbour(file, found, system)];
    });
  });
}

const freeFolders = new Set(['test', 'demo', 'web']);

function checkNeighbour(file: SourceFile, found: Import, system: Workspace): readonly string[] {
  const from = path.relative(system.path, file.path).split(path.sep);
  const to = path
    .relative(system.path, path.resolve(path.dirname(file.path), found.specifier))
    .split(path.sep);
  const [fromFolder = '', toFolder = ''] = [from[0], to[0]];
  // A system names its services, wherever its file lies: there may be several of the same services.
  const free =
    from.length === 1 || from.at(-1) === 'system.ts' || freeFolders.has(fromFolder) || isTest(file.name);
  if (free || fromFolder === toFolder) return [];
  if (to.length === 1 && toFolder === 'system.ts') {
    return [at(file, found, 'a service may not import the system that runs it.')];
  }
  const isService = existsSync(path.join(system.path, toFolder, 'contract.ts'));
  if (!isService || (to.length === 2 && to[1] === 'contract.ts')) return [];
  return [
    at(file, found, `a service meets another one only in its contract: import ../${toFolder}/contract.ts.`),
  ];
}

function checkRelative(file: SourceFile, found: Import, home: string): readonly string[] {
  const target = path.resolve(path.dirname(file.path), found.specifier);
  const ownManifest = path.join(path.dirname(home), 'package.json');
  if (target.startsWith(home + path.sep) || target === ownManifest) return [];
  return [
    at(file, found, `'${found.specifier}' leaves ${path.basename(home)}/; import a package by its name.`),
  ];
}

function checkBare(
  file: SourceFile,
  found: Import,
  declared: ReadonlySet<string>,
  packages: readonly Workspace[],
): readonly string[] {
  if (isBuiltin(found.specifier)) {
    return found.specifier.startsWith('node:') ? [] : [at(file, found, `write 'node:${found.specifier}'.`)];
  }
  const { packageName, entry } = splitSpecifier(found.specifier);
  if (!declared.has(packageName)) return [at(file, found, `declare ${packageName} in package.json.`)];
  const target = packages.find((each) => each.manifest.name === packageName);
  if (target === undefined || Object.hasOwn(target.manifest.exports ?? {}, entry)) return [];
  return [at(file, found, `${packageName} does not export '${entry}'.`)];
}

function sourcesOf(root: string, folder: string): readonly SourceFile[] {
  return filesBelow(folder, '.ts').map((file) => ({
    name: path.relative(root, file).split(path.sep).join('/'),
    path: file,
    imports: importsOf(readFileSync(file, 'utf8')),
  }));
}

function isTest(name: string): boolean {
  return name.endsWith('.test.ts') || name.includes('/test/') || name.includes('/demo/');
}

function at(file: SourceFile, found: Import, problem: string): string {
  return `${file.name}:${found.line}: ${problem}`;
}
