import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';

export interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly private?: boolean;
  readonly exports?: Readonly<Record<string, string>>;
  readonly bin?: Readonly<Record<string, string>>;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
  readonly peerDependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
}

/** A workspace: one folder of `packages/` or `systems/`. */
export interface Workspace {
  /** Name of the folder, which for a package is its name after `@banyan/`. */
  readonly folder: string;
  /** Absolute. */
  readonly path: string;
  readonly manifest: Manifest;
}

/** The workspaces below `root/parent`, sorted by folder. */
export function readWorkspaces(root: string, parent: 'packages' | 'systems' | 'apps'): readonly Workspace[] {
  const base = path.join(root, parent);
  if (!existsSync(base)) return [];
  return readdirSync(base)
    .sort()
    .filter((folder) => existsSync(path.join(base, folder, 'package.json')))
    .map((folder) => ({
      folder,
      path: path.join(base, folder),
      manifest: JSON.parse(readFileSync(path.join(base, folder, 'package.json'), 'utf8')) as Manifest,
    }));
}

/** Names of what a user of the package gets installed with it. */
export function runtimeDependencies(manifest: Manifest): readonly string[] {
  return [manifest.dependencies, manifest.optionalDependencies, manifest.peerDependencies].flatMap((part) =>
    Object.keys(part ?? {}),
  );
}

export function isOurs(packageName: string): boolean {
  return packageName.startsWith('@banyan/');
}
