import { keyOf, newReference, type Reader, type SessionStore } from './session-store.ts';

/** Stage 2: in the memory of one instance, which forgets all when it ends, and which no other one can read. */
export function createMemorySessions(idleSeconds: number): SessionStore {
  const ttlMs = idleSeconds * 1_000;
  const sessions = new Map<string, { readonly reader: Reader; endsAtMs: number }>();
  return {
    async open(reader) {
      const now = Date.now();
      for (const [key, { endsAtMs }] of sessions) if (endsAtMs <= now) sessions.delete(key);
      const reference = newReference();
      sessions.set(keyOf(reference), { reader, endsAtMs: now + ttlMs });
      return reference;
    },
    async find(reference) {
      const session = sessions.get(keyOf(reference));
      const now = Date.now();
      if (session === undefined || session.endsAtMs <= now) return undefined;
      session.endsAtMs = now + ttlMs;
      return session.reader;
    },
    async end(reference) {
      sessions.delete(keyOf(reference));
    },
  };
}
