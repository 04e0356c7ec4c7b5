/**
 * Where data waits that is too large to travel in an event (claim check pattern). One store for the whole system: the sender puts, and any service that
 * gets the event reads, without privileges in the sender's database and whether or not the sender runs.
 *
 * - **Durability**: when `put` resolves, the text survives the death of the store's process.
 * - **Retention**: texts whose time is over go little by little as new ones come, those of events that were never committed among them.
 * - **Concurrency**: all methods may be called at the same time, from any number of processes.
 */
export interface ClaimStore {
  /** Keeps `text` under the id of its event, for at least `keepMs`. Repeatable. @throws ServiceError `unavailable` */
  put(claim: { readonly id: string; readonly text: string; readonly keepMs: number }): Promise<void>;
  /** Undefined if the time is over, or it was never there. @throws ServiceError `unavailable` */
  get(id: string): Promise<string | undefined>;
}
