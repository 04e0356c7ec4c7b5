import { createBulkhead } from '@banyan/banyan';
import { hash, verify } from '@node-rs/argon2';

/** OWASP's first choice for Argon2id; raise them here, and old hashes follow at the next sign-in. */
export const cost = { memoryCost: 19_456, timeCost: 2, parallelism: 1 } as const;
const prefix = `$argon2id$v=19$m=${cost.memoryCost},t=${cost.timeCost},p=${cost.parallelism}$`;

/** A hash that no password matches and that costs as much to check as a real one. */
export const decoyHash = `${prefix}${'A'.repeat(22)}$${'A'.repeat(43)}`;

export interface Passwords {
  /** @throws ServiceError `resource_exhausted` `bulkhead_full` when too many wait already */
  hash(password: string): Promise<string>;
  /** @throws ServiceError as `hash` does */
  verify(passwordHash: string, password: string): Promise<boolean>;
  /** True if the hash was made with other parameters than today's. */
  isOutdated(passwordHash: string): boolean;
}

/** Argon2id (RFC 9106). Each running hash takes 19 MiB and a core, hence the limits. */
export function createPasswords(limits: {
  readonly maxConcurrent: number;
  readonly maxQueued: number;
}): Passwords {
  const bulkhead = createBulkhead(limits);
  return {
    hash: (password) => bulkhead.run(() => hash(canonical(password), cost)),
    verify: (passwordHash, password) => bulkhead.run(() => verify(passwordHash, canonical(password))),
    isOutdated: (passwordHash) => !passwordHash.startsWith(prefix),
  };
}

/** The same keys typed on two systems may compose accents differently (RFC 8265). */
function canonical(password: string): string {
  return password.normalize('NFC');
}
