import {
  createCipheriv,
  createDecipheriv,
  createPrivateKey,
  createPublicKey,
  diffieHellman,
  generateKeyPairSync,
  hkdfSync,
  type KeyObject,
} from 'node:crypto';

/*
 * Encryption for one reader (X25519, HKDF, AES-256-GCM; the shape of RFC 9180's base mode). Whoever seals needs the reader's public key
 * only, and cannot open it again. Once the reader has deleted the private key, nobody can.
 */

export interface BoxKey {
  readonly publicKey: string;
  readonly privateKey: string;
}

export function generateBoxKey(): BoxKey {
  const { publicKey, privateKey } = generateKeyPairSync('x25519');
  return { publicKey: rawOf(publicKey), privateKey: privateKey.export({ format: 'jwk' }).d ?? '' };
}

/** @param context must be the same to open it: a box cannot be moved elsewhere */
export function sealBox(text: string, publicKey: string, context: string): string {
  const ours = generateKeyPairSync('x25519');
  const theirs = createPublicKey({ key: { kty: 'OKP', crv: 'X25519', x: publicKey }, format: 'jwk' });
  const ephemeral = rawOf(ours.publicKey);
  const secret = diffieHellman({ privateKey: ours.privateKey, publicKey: theirs });
  const cipher = createCipheriv('aes-256-gcm', boxKey(secret, ephemeral, publicKey), nonce);
  cipher.setAAD(Buffer.from(context));
  const sealed = Buffer.concat([cipher.update(text, 'utf8'), cipher.final(), cipher.getAuthTag()]);
  return `${ephemeral}.${sealed.toString('base64url')}`;
}

/** @throws if the box was sealed for another key or context, or changed */
export function openBox(box: string, { publicKey, privateKey }: BoxKey, context: string): string {
  const [ephemeral = '', body = ''] = box.split('.');
  const ours = createPrivateKey({
    key: { kty: 'OKP', crv: 'X25519', x: publicKey, d: privateKey },
    format: 'jwk',
  });
  const theirs = createPublicKey({ key: { kty: 'OKP', crv: 'X25519', x: ephemeral }, format: 'jwk' });
  const secret = diffieHellman({ privateKey: ours, publicKey: theirs });
  const bytes = Buffer.from(body, 'base64url');
  const decipher = createDecipheriv('aes-256-gcm', boxKey(secret, ephemeral, publicKey), nonce, {
    authTagLength: 16,
  });
  decipher.setAAD(Buffer.from(context));
  decipher.setAuthTag(bytes.subarray(-16));
  return decipher.update(bytes.subarray(0, -16)).toString('utf8') + decipher.final('utf8');
}

/** Always the same, because every box has a key of its own. */
const nonce = Buffer.alloc(12);

function boxKey(secret: Buffer, ephemeral: string, publicKey: string): Buffer {
  return Buffer.from(hkdfSync('sha256', secret, `${ephemeral}.${publicKey}`, 'banyan identity: box', 32));
}

function rawOf(publicKey: KeyObject): string {
  return publicKey.export({ format: 'jwk' }).x ?? '';
}
