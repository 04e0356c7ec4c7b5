import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';

const cipher = 'aes-256-gcm';
const ivBytes = 12;
const tagBytes = 16;

/** AES-256-GCM: initialization vector, ciphertext, tag. `context` is authenticated but not in it: the box opens in the same context only. */
export function seal(key: Uint8Array, content: Uint8Array, context: string): Buffer {
  const iv = randomBytes(ivBytes);
  const encryption = createCipheriv(cipher, key, iv);
  encryption.setAAD(Buffer.from(context));
  return Buffer.concat([iv, encryption.update(content), encryption.final(), encryption.getAuthTag()]);
}

/** Throws if the key or the context is another one, or the box was changed. */
export function unseal(key: Uint8Array, box: Uint8Array, context: string): Buffer {
  const decryption = createDecipheriv(cipher, key, box.subarray(0, ivBytes), { authTagLength: tagBytes });
  decryption.setAAD(Buffer.from(context));
  decryption.setAuthTag(box.subarray(box.length - tagBytes));
  return Buffer.concat([decryption.update(box.subarray(ivBytes, box.length - tagBytes)), decryption.final()]);
}
