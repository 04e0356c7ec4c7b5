/** `text` is searched by words; `keyword` filters by its exact value. */
export type FieldKind = 'text' | 'keyword';

/** The fields of a document, by name. */
export type SearchFields = Readonly<Record<string, FieldKind>>;

/** Values of a document; a field that is left out, or null, has none. */
export type DocumentValues<Fields extends SearchFields = SearchFields> = {
  readonly [Name in keyof Fields]?: string | null;
};

/** A document as a projection writes it. */
export interface SearchDocument {
  readonly id: string;
  /** Of the last event in it. A document is never replaced by one of a lower revision. */
  readonly revision: number;
  /** Undefined to remove it: its revision stays known. */
  readonly values: DocumentValues | undefined;
}

/** What is searched for. More than the limits, or an unknown field, is `invalid_argument` `search_invalid`. */
export interface SearchRequest<Fields extends SearchFields = SearchFields> {
  /** Words that must all be in the text fields; default: every document. */
  readonly text?: string;
  /** Exact values of keyword fields, all of which must hold. */
  readonly where?: { readonly [Name in keyof Fields]?: string };
  /** 1–1,000, default 20. */
  readonly limit?: number;
  /** Documents to leave out at the beginning; with `limit` at most 10,000. */
  readonly offset?: number;
}

/** A document as a search finds it. */
export interface SearchHit<Fields extends SearchFields = SearchFields> {
  readonly id: string;
  readonly revision: number;
  readonly values: DocumentValues<Fields>;
}

/** One page of what was found, and how much there is. */
export interface SearchResult<Fields extends SearchFields = SearchFields> {
  readonly total: number;
  /** The best first; equally good ones by id. */
  readonly hits: readonly SearchHit<Fields>[];
}

/** One version of an index. */
export interface IndexVersion {
  readonly name: string;
  readonly version: number;
  readonly fields: SearchFields;
}

/**
 * A search engine. Documents are written into versions of an index; readers search by the name, which is the live version. Every method may be
 * repeated: an index that is there stays, and what is older than what is there is ignored.
 *
 * Errors: `unavailable` `search_unavailable`, `failed_precondition` `search_refused`, `invalid_argument` `search_invalid`.
 */
export interface SearchEngine {
  /** Whether what was put into the version, if anything was, is there. */
  has(index: IndexVersion): Promise<boolean>;
  /** Makes the version if it is not there. The first version is live at once. */
  prepare(index: IndexVersion): Promise<void>;
  /** Documents by id, those that were removed included; what was put before this call is seen. */
  get(index: IndexVersion, ids: readonly string[]): Promise<ReadonlyMap<string, SearchDocument>>;
  /**
   * Writes documents; resolves when they are durable. Searches find them soon after. Never makes a version that is not there.
   * @throws ServiceError `failed_precondition` `search_index_lost`, if the engine can lose an index and has
   */
  put(index: IndexVersion, documents: readonly SearchDocument[]): Promise<void>;
  /** Makes everything that was put visible to searches. */
  refresh(index: IndexVersion): Promise<void>;
  /** Makes this version the live one, in one step. */
  switchTo(index: IndexVersion): Promise<void>;
  /** The version that readers search; undefined if there is none. */
  liveVersion(name: string): Promise<number | undefined>;
  search(index: IndexVersion, request: SearchRequest): Promise<SearchResult>;
  /** Deletes a version that is not live. */
  remove(index: IndexVersion): Promise<void>;
}
