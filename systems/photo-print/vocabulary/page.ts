import { z } from 'zod';
import { Id } from './text.ts';

/** Sorts after every id that is ever given out: where the first page starts. */
const lastId = 'ffffffff-ffff-ffff-ffff-ffffffffffff';

/** Which part of a list is wanted, newest first. Ids are UUIDv7: they sort by age. */
export const PageRequest = z.object({
  limit: z.int().min(1).max(100).default(50),
  /** The `next` of the page before. */
  before: Id.default(lastId),
});

/** The id that the next page starts below; nothing after the last page. */
export function nextPage(ids: readonly string[], limit: number): { readonly next?: string } {
  const last = ids.at(-1);
  return ids.length < limit || last === undefined ? {} : { next: last };
}
