import { randomUUID } from 'node:crypto';
import { link, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Logger, Sql } from '@banyan/banyan';
import { z } from 'zod';
import { createKeyRing, generateSecret, type KeyRing, keyMissing } from './key-ring.ts';

/** The setting of a service that keeps secrets: `PASSWORDS_KEYS=newest,older`. */
export const keysSetting = z
  .array(z.string())
  .default([])
  .describe(
    'Secrets that protect what is stored, newest first: base64url of 32 random bytes each. Default: one in the data folder.',
  )
  .meta({ writeOnly: true });

/** Every handler's context with `keysSetting` in its configuration is one. */
export interface KeyKeeper {
  readonly config: { readonly keys: readonly string[] };
  readonly dataFolder: string;
  readonly sql: Sql;
  readonly log: Logger;
}

const opened = new WeakMap<object, Promise<KeyRing>>();

/**
 * The key ring of the running service whose handler asks; opened once. The table `known_keys` of its database holds the fingerprints of
 * the secrets ever used, so that an instance with another secret refuses to work instead of writing what nobody else can read.
 * @throws ServiceError `internal` `key_missing`
 */
export function keyRingOf(keeper: KeyKeeper): Promise<KeyRing> {
  const before = opened.get(keeper.config);
  if (before !== undefined) return before;
  const ring = openKeyRing(keeper);
  opened.set(keeper.config, ring);
  ring.catch(() => opened.delete(keeper.config));
  return ring;
}

async function openKeyRing({ config, dataFolder, sql, log }: KeyKeeper): Promise<KeyRing> {
  const [latest] = await sql<{ keyId: string }>`
    select key_id from known_keys order by first_used_at desc, key_id limit 1`;
  const secrets = config.keys.length > 0 ? config.keys : await secretsInFolder(dataFolder, latest, log);
  const ring = createKeyRing(secrets);
  if (latest !== undefined && !ring.has(latest.keyId)) throw keyMissing(latest.keyId);
  await sql`insert into known_keys (key_id) values (${ring.newest}) on conflict do nothing`;
  return ring;
}

async function secretsInFolder(
  folder: string,
  latest: { readonly keyId: string } | undefined,
  log: Logger,
): Promise<readonly string[]> {
  const file = join(folder, 'keys');
  const stored = await readIfThere(file);
  if (stored !== undefined) return stored.trim().split('\n');
  if (latest !== undefined) throw keyMissing(latest.keyId);
  await mkdir(folder, { recursive: true });
  const draft = join(folder, `keys-${randomUUID()}`);
  await writeFile(draft, `${generateSecret()}\n`, { mode: 0o600, flush: true });
  // A link appears whole or not at all, and of several instances that start at once one wins.
  await link(draft, file).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'EEXIST') throw error;
  });
  await rm(draft);
  log.warn('made a key, because none is configured; keep the file, or set the variable that ends in _KEYS', {
    file,
  });
  return (await readFile(file, 'utf8')).trim().split('\n');
}

async function readIfThere(file: string): Promise<string | undefined> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
