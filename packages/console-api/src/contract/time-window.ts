import { z } from 'zod';

/** RFC 3339, UTC, to the microsecond where telemetry has it. */
export const Time = z.iso.datetime({ offset: true });

/** `from` is inclusive, `to` exclusive. Default: the last hour. */
export const timeWindow = {
  from: Time.optional(),
  to: Time.optional(),
} as const;

/** `after` is the `next` of the page before. */
export const paging = {
  limit: z.int().min(1).max(1_000).optional(),
  after: z.string().max(2_000).optional(),
} as const;

/** Absent on the last page. */
export const next = { next: z.string().optional() } as const;

/** `searchedTo` is given if the search has stopped before it had `limit` results: nothing older was looked at, and `next` goes on there. */
export const searched = { ...next, searchedTo: Time.optional() } as const;

export const Name = z.string().min(1).max(200);
/** Values of attributes: what JSON can say of them. */
export const Attributes = z.record(z.string(), z.json());
