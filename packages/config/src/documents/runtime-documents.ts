/** One version of a document. */
export interface RuntimeDocument {
  readonly name: string;
  /** 1 for the first one, then without gaps. */
  readonly version: number;
  /** Any JSON value. What it must look like is known to whoever reads it; see `createDocumentView`. Do not change it. */
  readonly value: unknown;
  readonly by: string;
  readonly why: string;
  /** RFC 3339 UTC. */
  readonly at: string;
}

export interface DocumentChange {
  readonly value: unknown;
  /** The version that this change was made from; 0 for a document that nobody has written yet. */
  readonly expectedVersion: number;
  /** Who changes it, 1 to 200 characters: a person, or the name of a service. */
  readonly by: string;
  /** 1 to 1,000 characters for whoever reads the history. */
  readonly why: string;
}

/**
 * JSON documents that operators change while the system runs, such as traffic rules: each is named, has versions, and keeps its history.
 *
 * Reading through a {@link DocumentWatch} never waits and never fails. **While the store cannot be reached, the last known version stays in
 * force**, however long that takes; how old that knowledge is can be read. A change is seen by every process that reaches the store within
 * 5 seconds, as a rule within 100 ms, and in the process that made it before `put` resolves.
 *
 * Implementations pass `describeRuntimeDocuments` of `@banyan/config/testing`. All methods are safe for concurrent use.
 */
export interface RuntimeDocuments {
  /**
   * The newest version, straight from the store; undefined if nobody has written one.
   * @throws ServiceError `unavailable` `documents_unavailable`; `failed_precondition` `documents_closed`; `invalid_argument` `invalid_document`
   */
  get(name: string): Promise<RuntimeDocument | undefined>;
  /**
   * Adds a version. Of several writers with the same expected version exactly one succeeds. After `documents_unavailable` the change may have been
   * made; repeating it is safe, because it cannot be made twice.
   * @throws ServiceError `aborted` `document_changed`; `invalid_argument` `invalid_document`; `unavailable` `documents_unavailable`;
   * `failed_precondition` `documents_closed`
   */
  put(name: string, change: DocumentChange): Promise<RuntimeDocument>;
  /**
   * Versions, newest first, straight from the store.
   * @param limit 1 to 1,000; default 20
   * @throws what `get` throws
   */
  history(name: string, limit?: number): Promise<readonly RuntimeDocument[]>;
  /**
   * Follows one document from now on.
   * @throws ServiceError `failed_precondition` `documents_closed`; `invalid_argument` `invalid_document`
   */
  watch(name: string): DocumentWatch;
  /** Closes the watches and releases what it holds. Idempotent; never rejects. */
  close(): Promise<void>;
}

/** One document, as last seen. */
export interface DocumentWatch {
  readonly name: string;
  /** The newest version that is known here; undefined before {@link ready}, and while nobody has written one. Stays readable after `close`. */
  current(): RuntimeDocument | undefined;
  /** Milliseconds since the store last confirmed what `current` says: below 5,000 while it can be reached, `Infinity` before the first time. */
  staleMs(): number;
  /** Calls `listener` with each newer version; versions in between may be left out. Returns a function that ends it. A listener must not throw. */
  onChange(listener: (document: RuntimeDocument) => void): () => void;
  /**
   * Resolves when the store was read for the first time. Waits as long as it cannot be reached.
   * @throws ServiceError `failed_precondition` `documents_closed` if closed before
   */
  ready(): Promise<void>;
  /** Ends this watch alone. Idempotent. */
  close(): void;
}
