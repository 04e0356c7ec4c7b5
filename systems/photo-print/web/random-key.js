/** An idempotency key. Not `crypto.randomUUID`, which browsers keep from pages that came without TLS, as on a local network. */
export function randomKey() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
