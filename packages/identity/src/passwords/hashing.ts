import { createBulkhead } from '@banyan/banyan';
import { hash, verify } from '@node-rs/argon2';

/** What one hash costs. Raise it, and stored hashes follow at the next sign-in. */
export interface HashCost {
  readonly memoryKib: number;
  readonly passes: number;
  readonly lanes: number;
}

/** On all threads of the process together: a hash takes a core and its memory for tens of milliseconds, and calls need both. */
const bulkhead = createBulkhead({ maxConcurrent: 2, maxQueued: 100 });

/**
 * Argon2id (RFC 9106) in the form `$argon2id$v=19$m=…,t=…,p=…$salt$hash`, which says its own cost. It runs on the thread pool.
 * @param pepper Argon2's secret value: without it, hashes that were stolen cannot be tried out
 * @throws ServiceError `resource_exhausted` `bulkhead_full` when too many wait already
 */
export function hashPassword(password: string, cost: HashCost, pepper: Uint8Array): Promise<string> {
  return bulkhead.run(() => hash(canonical(password), { ...toOptions(cost), secret: pepper }));
}

/** @throws ServiceError as `hashPassword` does */
export function passwordFits(password: string, stored: string, pepper: Uint8Array): Promise<boolean> {
  return bulkhead.run(() => verify(stored, canonical(password), { secret: pepper }));
}

/** A hash that no password fits and that costs as much to check as a real one. */
export function decoyHash(cost: HashCost): string {
  return `${prefixOf(cost)}${'A'.repeat(22)}$${'A'.repeat(43)}`;
}

/** True if the hash was made at another cost than `cost`. */
export function isOutdated(stored: string, cost: HashCost): boolean {
  return !stored.startsWith(prefixOf(cost));
}

/** The same keys typed on two systems may compose accents differently (RFC 8265). Nothing else is changed, and nothing cut off. */
export function canonical(password: string): string {
  return password.normalize('NFC');
}

function prefixOf({ memoryKib, passes, lanes }: HashCost): string {
  return `$argon2id$v=19$m=${memoryKib},t=${passes},p=${lanes}$`;
}

function toOptions({ memoryKib, passes, lanes }: HashCost) {
  return { memoryCost: memoryKib, timeCost: passes, parallelism: lanes };
}
