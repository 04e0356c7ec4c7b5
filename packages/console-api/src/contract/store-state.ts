import { operation } from '@banyan/contract';
import { z } from 'zod';
import { Time } from './time-window.ts';

export const signals = ['spans', 'logs', 'metrics'] as const;

const SignalState = z.object({
  /** Since the start of the console. */
  received: z.int(),
  stored: z.int(),
  /** Thrown away because the queue was full or the store did not take them. */
  shed: z.int(),
  /** Not telemetry: wrong types, bad ids, too large. */
  refused: z.int(),
  waiting: z.int(),
});

export const storeOperations = {
  getStore: operation('GET /api/store', {
    summary: 'How much telemetry is kept, and what was shed',
    input: z.object({}),
    output: z.object({
      bytes: z.int(),
      maxBytes: z.int(),
      maxAgeMs: z.int(),
      /** What was given up to keep these bounds, oldest first, since the start of the console. */
      droppedBytes: z.int(),
      /** Of the oldest part that is kept; absent if there is none. */
      keptSince: Time.optional(),
      /** False while the store does not take what arrives. */
      isWriting: z.boolean(),
      signals: z.record(z.enum(signals), SignalState),
    }),
  }),
} as const;
