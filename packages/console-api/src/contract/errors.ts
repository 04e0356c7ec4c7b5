import { operation } from '@banyan/contract';
import { z } from 'zod';
import { next, paging, Time } from './time-window.ts';

export const errorStates = ['open', 'resolved', 'ignored'] as const;

const notFound = { notFound: { status: 404, description: 'Nothing of that id is stored.' } } as const;

/** Exceptions of one cause at one place. */
export const ErrorGroup = z.object({
  groupId: z.string(),
  service: z.string(),
  type: z.string(),
  /** Of the newest. */
  message: z.string(),
  /** Function, file and line where it was thrown; empty if there was no stack. */
  place: z.string(),
  count: z.int(),
  firstSeenAt: Time,
  lastSeenAt: Time,
  /** A resolved group that is seen again is open again. */
  state: z.enum(errorStates),
  owner: z.string().optional(),
});

export const errorOperations = {
  listErrors: operation('GET /api/errors', {
    summary: 'Groups of errors, those seen last first',
    input: z.object({
      service: z.string().optional(),
      state: z.enum(errorStates).optional(),
      text: z.string().max(500).optional(),
      ...paging,
    }),
    output: z.object({ groups: z.array(ErrorGroup), ...next }),
  }),
  getError: operation('GET /api/errors/:groupId', {
    summary: 'One group with its stack and its newest traces',
    input: z.object({ groupId: z.string() }),
    output: ErrorGroup.extend({
      stack: z.string(),
      samples: z.array(
        z.object({
          traceId: z.string().optional(),
          spanId: z.string().optional(),
          at: Time,
          message: z.string(),
        }),
      ),
    }),
    errors: notFound,
  }),
  changeError: operation('PATCH /api/errors/:groupId', {
    summary: 'Say who looks after it, and whether it is done',
    input: z.object({
      groupId: z.string(),
      state: z.enum(errorStates).optional(),
      /** Empty for nobody. */
      owner: z.string().max(200).optional(),
    }),
    output: ErrorGroup,
    errors: notFound,
  }),
} as const;
