import { isDeepStrictEqual } from 'node:util';
import type { Repairs } from '../vocabulary/consistency.ts';

interface Copy {
  readonly orderId: string;
  readonly revision: number;
}

/** One service's copies of another's orders. */
export interface Copies<Data extends Copy> {
  /** What each order is by its owner's account, oldest first. */
  readonly truth: AsyncIterable<Data>;
  find(orderId: string): Promise<Data | undefined>;
  /** Derives the copy anew, unless a newer one has come meanwhile. */
  derive(data: Data): Promise<unknown>;
  /** Ids of all copies. */
  ids(): Promise<readonly string[]>;
  /** True if the owner knows this order. */
  exists(orderId: string): Promise<boolean>;
  remove(orderId: string): Promise<unknown>;
}

/**
 * Compares every copy with what its owner says and mends what differs: copies that never came, that are wrong in any field, or that
 * nobody has ordered. Orders that change meanwhile are left to their own events. May run at any time, and again.
 */
export async function reconcile<Data extends Copy>(copies: Copies<Data>): Promise<Repairs> {
  const repairs = { compared: 0, added: [] as string[], corrected: [] as string[], removed: [] as string[] };
  const known = new Set<string>();
  for await (const data of copies.truth) {
    repairs.compared += 1;
    known.add(data.orderId);
    const copy = await copies.find(data.orderId);
    if (copy !== undefined && (copy.revision > data.revision || isDeepStrictEqual(copy, data))) continue;
    await copies.derive(data);
    (copy === undefined ? repairs.added : repairs.corrected).push(data.orderId);
  }
  for (const orderId of await copies.ids()) {
    // It may be younger than the walk above.
    if (known.has(orderId) || (await copies.exists(orderId))) continue;
    await copies.remove(orderId);
    repairs.removed.push(orderId);
  }
  return repairs;
}
