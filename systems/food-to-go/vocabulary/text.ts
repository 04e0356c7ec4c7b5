import { z } from 'zod';

/** One line of text from outside: trimmed, not empty, no control characters (PostgreSQL refuses NUL), no half characters. */
export const lineOfText = (maxLength: number) =>
  z
    .string()
    .trim()
    .min(1)
    .max(maxLength)
    .regex(/^[^\p{Cc}\p{Cs}]*$/u, 'must not contain control characters');

/** An id that a service of this system gave out. */
export const Id = z.uuid();

/** An id that somebody asks for. Any text may be asked for; what is no id at all is as unknown as an id that was never given out. */
export const WantedId = z.string().max(200);

export function isId(text: string): boolean {
  return Id.safeParse(text).success;
}

/** RFC 3339, UTC. */
export const Timestamp = z.iso.datetime();
