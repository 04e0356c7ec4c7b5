import { createHash } from 'node:crypto';
import { chmod, chown, lstat, mkdir, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ServerAccount } from './embedded-account.ts';
import { superuser } from './embedded-cluster.ts';
import type { ServerAddress } from './embedded-settings.ts';

/** Linux allows 107 bytes, macOS 103. */
const maxSocketPathBytes = 103;

export async function chooseAddress(
  dataDir: string,
  wantedPort: number,
  account: ServerAccount,
): Promise<ServerAddress> {
  const port = wantedPort === 0 ? await findFreePort() : wantedPort;
  return { port, socketFolder: await chooseSocketFolder(dataDir, account) };
}

/** A unix socket is a third faster than TCP, and the data folder admits only its owner. */
async function chooseSocketFolder(dataDir: string, account: ServerAccount): Promise<string | undefined> {
  if (process.platform === 'win32') return undefined;
  if (isShortEnough(dataDir)) return dataDir;
  const folder = shortFolder(dataDir);
  if (!isShortEnough(folder)) return undefined;
  await mkdir(folder, { mode: 0o700, recursive: true });
  const status = await lstat(folder);
  const uid = account.owner?.uid ?? process.getuid?.();
  // Everybody may create folders in the temporary one: a stranger's would let them pose as the server.
  if (!status.isDirectory() || (status.uid !== uid && status.uid !== process.getuid?.())) return undefined;
  await chmod(folder, 0o700);
  if (account.owner !== undefined) await chown(folder, account.owner.uid, account.owner.gid);
  return folder;
}

export async function removeSocketFolder(address: ServerAddress, dataDir: string): Promise<void> {
  if (address.socketFolder !== shortFolder(dataDir)) return;
  await rm(address.socketFolder, { recursive: true, force: true });
}

export function toAdminUrl({ port, socketFolder }: ServerAddress, password: string): string {
  const socket = socketFolder ? `?host=${encodeURIComponent(socketFolder)}` : '';
  return `postgres://${superuser}:${password}@127.0.0.1:${port}/postgres${socket}`;
}

function shortFolder(dataDir: string): string {
  return join(tmpdir(), `banyan-${createHash('sha256').update(dataDir).digest('hex').slice(0, 12)}`);
}

function isShortEnough(folder: string): boolean {
  return Buffer.byteLength(join(folder, '.s.PGSQL.65535')) <= maxSocketPathBytes && !folder.includes(',');
}

function findFreePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.on('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      const port = typeof address === 'object' && address !== null ? address.port : 0;
      server.close(() => resolve(port));
    });
  });
}
