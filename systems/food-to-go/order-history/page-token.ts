import { z } from 'zod';
import { Id, Timestamp } from '../vocabulary/text.ts';

/** Where a page ended. Two orders of the same moment are told apart by their ids. */
const Place = z.object({ createdAt: Timestamp, orderId: Id });
export type Place = z.infer<typeof Place>;

/** Opaque to others, so that what stands in it may change. */
export function toPageToken({ createdAt, orderId }: Place): string {
  return Buffer.from(JSON.stringify({ createdAt, orderId })).toString('base64url');
}

/** Undefined for what `toPageToken` has not made. */
export function parsePageToken(token: string): Place | undefined {
  try {
    return Place.parse(JSON.parse(Buffer.from(token, 'base64url').toString('utf8')));
  } catch {
    return undefined;
  }
}
