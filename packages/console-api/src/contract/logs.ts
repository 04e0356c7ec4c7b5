import { operation } from '@banyan/contract';
import { z } from 'zod';
import { Attributes, paging, searched, Time, timeWindow } from './time-window.ts';

export const levels = ['debug', 'info', 'warn', 'error'] as const;

export const LogLine = z.object({
  /** Ascending in the order of arrival. */
  id: z.string(),
  at: Time,
  level: z.enum(levels),
  service: z.string(),
  message: z.string(),
  traceId: z.string().optional(),
  spanId: z.string().optional(),
  /** Of the error that it tells of: `getError` has it. */
  errorGroupId: z.string().optional(),
  attributes: Attributes,
});

export const logOperations = {
  searchLogs: operation('GET /api/logs', {
    summary: 'Search log lines, newest first',
    description:
      'A search that finds little stops before it has read everything: `searchedTo` says how far it got, and `after` goes on from there.',
    input: z.object({
      ...timeWindow,
      ...paging,
      service: z.string().optional(),
      /** This level and those more serious. */
      level: z.enum(levels).optional(),
      traceId: z.string().max(32).optional(),
      /** Words that the line has, as whole words; `"…"` for a phrase, `-word` for one that it lacks. */
      text: z.string().max(500).optional(),
    }),
    output: z.object({ lines: z.array(LogLine), ...searched }),
  }),
} as const;
