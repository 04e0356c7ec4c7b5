import { existsSync } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { postgresError } from './errors.ts';

export interface Owner {
  readonly uid: number;
  readonly gid: number;
}

export interface Command {
  readonly file: string;
  readonly parameters: readonly string[];
  /** For `spawn`; empty when the file itself changes the user. */
  readonly user: Partial<Owner>;
}

/** Who runs the server's programs: PostgreSQL refuses root. */
export interface ServerAccount {
  /** Who must own the data; undefined for the current user. */
  readonly owner: Owner | undefined;
  command(file: string, parameters: readonly string[]): Command;
}

const setprivPaths = [
  '/usr/bin/setpriv',
  '/bin/setpriv',
  '/usr/sbin/setpriv',
  '/run/current-system/sw/bin/setpriv',
];

/**
 * As root, the server runs as `nobody`. Where that user may not reach one of `paths` (a checkout under /root, a private
 * temporary folder), it keeps one privilege of root: to pass over file permissions.
 */
export async function findServerAccount(paths: readonly string[]): Promise<ServerAccount> {
  if (process.getuid?.() !== 0) {
    return { owner: undefined, command: (file, parameters) => ({ file, parameters, user: {} }) };
  }
  const owner = await lookUpNobody();
  const barrier = await findBarrier(paths, owner);
  if (barrier === undefined) {
    return { owner, command: (file, parameters) => ({ file, parameters, user: owner }) };
  }
  const setpriv = setprivPaths.find((path) => existsSync(path));
  if (setpriv === undefined) {
    throw postgresError('embedded_user', {
      message: `PostgreSQL refuses to run as root, and the user nobody may not enter ${barrier}: run as another user, open the folder (chmod o+x), or install util-linux (setpriv).`,
    });
  }
  const options = [
    `--reuid=${owner.uid}`,
    `--regid=${owner.gid}`,
    '--clear-groups',
    '--inh-caps=+dac_override',
    '--ambient-caps=+dac_override',
    // PostgreSQL looks for its own files with access(2), which otherwise ignores the privilege.
    '--securebits=+no_setuid_fixup',
  ];
  return {
    owner,
    command: (file, parameters) => ({
      file: setpriv,
      parameters: [...options, '--', file, ...parameters],
      user: {},
    }),
  };
}

async function lookUpNobody(): Promise<Owner> {
  const fallback = { uid: 65_534, gid: 65_534 };
  const accounts = existsSync('/etc/passwd') ? await readFile('/etc/passwd', 'utf8') : '';
  const match = /^nobody:[^:]*:(\d+):(\d+):/m.exec(accounts);
  return match === null ? fallback : { uid: Number(match[1]), gid: Number(match[2]) };
}

/** The first existing path, or folder above one, that `owner` may not enter or read. */
async function findBarrier(paths: readonly string[], owner: Owner): Promise<string | undefined> {
  for (const path of paths) {
    let current = resolve(path);
    for (;;) {
      if (existsSync(current)) {
        const { mode, uid } = await stat(current);
        const isOpen = uid === owner.uid ? (mode & 0o500) === 0o500 : (mode & 0o001) === 0o001;
        if (!isOpen) return current;
      }
      if (dirname(current) === current) break;
      current = dirname(current);
    }
  }
  return undefined;
}
