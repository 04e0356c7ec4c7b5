import type { PageBatch } from './scan-pages.ts';

/** A unit is about a thirtieth of a millisecond. */
const mostWork = 4_000;
const askedPerWork = 50;
const bytesPerWork = 6_000;
const itemsPerWork = 8;

/** What a request may spend: a search that finds little would otherwise read all there is, and hold up those behind it. Counted in work, not in time, so that an answer does not depend on what else the machine does. */
export class ScanBudget {
  #left = mostWork;

  spend({ rows, asked }: PageBatch, itemsTakenApart: number): void {
    const bytes = rows.reduce((sum, { body }) => sum + body.byteLength, 0);
    this.#left -= asked / askedPerWork + rows.length + bytes / bytesPerWork + itemsTakenApart / itemsPerWork;
  }

  get isSpent(): boolean {
    return this.#left <= 0;
  }
}
