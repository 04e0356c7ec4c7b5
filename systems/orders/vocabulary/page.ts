import { z } from 'zod';
import { Id } from './text.ts';

const firstId = '00000000-0000-0000-0000-000000000000';
const lastId = 'ffffffff-ffff-ffff-ffff-ffffffffffff';

/** Which part of a list is wanted, newest first. Ids are UUIDv7: they sort by age. */
export const PageRequest = z.object({
  limit: z.int().min(1).max(100).default(50),
  /** The `next` of the page before. */
  before: Id.default(lastId),
});

/** Which part of a list is wanted by a program that reads all of it, oldest first. */
export const WalkRequest = z.object({
  limit: z.int().min(1).max(500).default(200),
  /** The `next` of the page before. */
  after: Id.default(firstId),
});

/** The id that the next page starts beyond; nothing after the last page. */
export function nextPage(ids: readonly string[], limit: number): { readonly next?: string } {
  const last = ids.at(-1);
  return ids.length < limit || last === undefined ? {} : { next: last };
}

/** Everything that `read` answers page by page. */
export async function* walk<Entry>(
  read: (request: {
    readonly after?: string;
  }) => Promise<{ readonly entries: readonly Entry[]; readonly next?: string | undefined }>,
): AsyncGenerator<Entry> {
  let after: string | undefined;
  do {
    const { entries, next } = await read(after === undefined ? {} : { after });
    yield* entries;
    after = next;
  } while (after !== undefined);
}
