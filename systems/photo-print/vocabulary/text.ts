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

/** RFC 3339, UTC. */
export const Timestamp = z.iso.datetime();
