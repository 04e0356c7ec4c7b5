import {
  createCipheriv,
  createDecipheriv,
  createHmac,
  hkdfSync,
  randomBytes,
  timingSafeEqual,
} from 'node:crypto';
import { ServiceError } from '@banyan/banyan';

/**
 * The secrets of one service, newest first. New values are made with the newest; old ones name the secret that they were made with, so
 * that a secret can be replaced while they are still around. Every purpose has a key of its own (HKDF, RFC 5869).
 */
export interface KeyRing {
  /** Name of the newest secret: a fingerprint, which tells nothing about it. */
  readonly newest: string;
  has(keyId: string): boolean;
  /** 32 bytes. @throws ServiceError `internal` `key_missing` if the ring has no such secret */
  derive(keyId: string, purpose: string): Buffer;
  /** AES-256-GCM. `context` must be the same to open it: a sealed value cannot be moved to another row. */
  seal(text: string, context: string): string;
  /** @throws ServiceError `data_loss` `sealed_value_damaged`; `internal` `key_missing` */
  open(sealed: string, context: string): string;
  /** Names its key: `<key id>.<HMAC-SHA-256>`. */
  mac(text: string, purpose: string): string;
  /** Constant time. False if the value names a secret that the ring does not have. */
  macHolds(mac: string, text: string, purpose: string): boolean;
}

const minimumBytes = 32;

/** @throws TypeError unless each secret is base64url of at least 32 bytes */
export function createKeyRing(secrets: readonly string[]): KeyRing {
  const parsed = secrets.map(parseSecret);
  const [newest] = parsed;
  if (newest === undefined) throw new TypeError('createKeyRing(): give at least one secret.');
  return new HkdfKeyRing(fingerprint(newest), new Map(parsed.map((secret) => [fingerprint(secret), secret])));
}

export function generateSecret(): string {
  return randomBytes(minimumBytes).toString('base64url');
}

function parseSecret(secret: string): Buffer {
  const bytes = /^[A-Za-z0-9_-]+$/.test(secret) ? Buffer.from(secret, 'base64url') : Buffer.alloc(0);
  if (bytes.length >= minimumBytes) return bytes;
  throw new TypeError(`A key must be base64url of at least ${minimumBytes} random bytes.`);
}

function fingerprint(secret: Buffer): string {
  return deriveFrom(secret, 'fingerprint').subarray(0, 6).toString('base64url');
}

function deriveFrom(secret: Buffer, purpose: string): Buffer {
  return Buffer.from(hkdfSync('sha256', secret, '', `banyan identity: ${purpose}`, 32));
}

class HkdfKeyRing implements KeyRing {
  readonly newest: string;
  readonly #secrets: ReadonlyMap<string, Buffer>;

  constructor(newest: string, secrets: ReadonlyMap<string, Buffer>) {
    this.newest = newest;
    this.#secrets = secrets;
  }

  has(keyId: string): boolean {
    return this.#secrets.has(keyId);
  }

  derive(keyId: string, purpose: string): Buffer {
    const secret = this.#secrets.get(keyId);
    if (secret === undefined) throw keyMissing(keyId);
    return deriveFrom(secret, purpose);
  }

  seal(text: string, context: string): string {
    const nonce = randomBytes(12);
    const cipher = createCipheriv('aes-256-gcm', this.derive(this.newest, 'seal'), nonce);
    cipher.setAAD(Buffer.from(context));
    const sealed = Buffer.concat([nonce, cipher.update(text, 'utf8'), cipher.final(), cipher.getAuthTag()]);
    return `${this.newest}.${sealed.toString('base64url')}`;
  }

  open(sealed: string, context: string): string {
    const [keyId = '', body = ''] = sealed.split('.');
    const key = this.derive(keyId, 'seal');
    const bytes = Buffer.from(body, 'base64url');
    try {
      const decipher = createDecipheriv('aes-256-gcm', key, bytes.subarray(0, 12), { authTagLength: 16 });
      decipher.setAAD(Buffer.from(context));
      decipher.setAuthTag(bytes.subarray(-16));
      return decipher.update(bytes.subarray(12, -16)).toString('utf8') + decipher.final('utf8');
    } catch (cause) {
      throw new ServiceError('A sealed value is damaged, or stands in the wrong place.', {
        code: 'data_loss',
        reason: 'sealed_value_damaged',
        cause,
      });
    }
  }

  mac(text: string, purpose: string): string {
    return this.#macWith(this.newest, text, purpose);
  }

  macHolds(mac: string, text: string, purpose: string): boolean {
    const [keyId = ''] = mac.split('.');
    if (!this.has(keyId)) return false;
    const expected = Buffer.from(this.#macWith(keyId, text, purpose));
    const given = Buffer.from(mac);
    return given.length === expected.length && timingSafeEqual(given, expected);
  }

  #macWith(keyId: string, text: string, purpose: string): string {
    const digest = createHmac('sha256', this.derive(keyId, purpose)).update(text).digest('base64url');
    return `${keyId}.${digest}`;
  }
}

export function keyMissing(keyId: string): ServiceError {
  return new ServiceError(`The data needs the key ${keyId}, which this instance does not have.`, {
    code: 'internal',
    reason: 'key_missing',
  });
}
