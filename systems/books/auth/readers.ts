import { createBulkhead, type Sql } from '@banyan/banyan';
import { hash, verify } from '@node-rs/argon2';
import type { Reader } from '../sessions/session-store.ts';

/** OWASP's second choice for Argon2id; a hash takes a core for tens of milliseconds, so only two are made at once. */
const cost = { memoryCost: 19_456, timeCost: 2, parallelism: 1 };
const bulkhead = createBulkhead({ maxConcurrent: 2, maxQueued: 100 });
/** Costs as much to check as a real one, and fits no password. */
const decoy = `$argon2id$v=19$m=19456,t=2,p=1$${'A'.repeat(22)}$${'A'.repeat(43)}`;

/** False if the name is taken. */
export async function addReader(sql: Sql, name: string, password: string): Promise<boolean> {
  const passwordHash = await bulkhead.run(() => hash(password, cost));
  const added = await sql`
    insert into reader (name, password_hash) values (${name}, ${passwordHash})
    on conflict do nothing returning name`;
  return added.length === 1;
}

/** Takes the same time whether the name or the password is wrong. */
export async function readerWith(sql: Sql, name: string, password: string): Promise<Reader | undefined> {
  const [found] = await sql<{ name: string; role: string; passwordHash: string }>`
    select name, role, password_hash from reader where name = ${name}`;
  const fits = await bulkhead.run(() => verify(found?.passwordHash ?? decoy, password));
  return fits && found !== undefined ? { name: found.name, role: found.role } : undefined;
}
