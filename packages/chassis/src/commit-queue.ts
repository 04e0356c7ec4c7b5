export interface CommitQueueOptions<Member> {
  /** Commits all of them together. Never rejects. */
  readonly commit: (members: readonly Member[]) => Promise<void>;
  /** Groups that are under way at one time. One more is put together meanwhile. */
  readonly maxGroups: number;
}

const maxMembers = 256;

/** Whoever waits when a group can begin goes with it (group commit: DeWitt et al., 1984). A lone one does not wait. */
export class CommitQueue<Member> {
  readonly #options: CommitQueueOptions<Member>;
  readonly #waiting: Member[] = [];
  #running = 0;

  constructor(options: CommitQueueOptions<Member>) {
    this.#options = options;
  }

  add(member: Member): void {
    this.#waiting.push(member);
    if (this.#running < this.#options.maxGroups) void this.#commitAll();
  }

  async #commitAll(): Promise<void> {
    this.#running += 1;
    // Whoever asks in the same turn of the event loop comes along.
    await Promise.resolve();
    while (this.#waiting.length > 0) await this.#options.commit(this.#waiting.splice(0, maxMembers));
    this.#running -= 1;
  }
}
