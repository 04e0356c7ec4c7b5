import { createHash, randomBytes } from 'node:crypto';

/** Who is signed in. */
export interface Reader {
  readonly name: string;
  readonly role: string;
}

/**
 * Sessions by their references. A reference is 256 random bits that only the browser has: the store knows its SHA-256, so that whoever reads the
 * store cannot sign in with what is in it.
 */
export interface SessionStore {
  /** @returns the reference, for the cookie @throws ServiceError `unavailable` while the store is away */
  open(reader: Reader): Promise<string>;
  /** Undefined if there is no such session, or no more; each use begins its time to live anew. @throws as `open` */
  find(reference: string): Promise<Reader | undefined>;
  /** @throws as `open` */
  end(reference: string): Promise<void>;
}

export function newReference(): string {
  return randomBytes(32).toString('base64url');
}

export function keyOf(reference: string): string {
  return createHash('sha256').update(reference).digest('base64url');
}
