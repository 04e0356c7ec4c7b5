import { type Clock, systemClock } from '@banyan/core';
import { configError } from '../errors.ts';
import { checkChange, checkDocumentName, checkHistoryLimit } from './check-document.ts';
import { createDocumentCell, type DocumentCell } from './document-cell.ts';
import type {
  DocumentChange,
  DocumentWatch,
  RuntimeDocument,
  RuntimeDocuments,
} from './runtime-documents.ts';

/** Several handles on documents in memory, which can be cut off as a store shared by processes can. For tests. */
export interface MemoryDocumentStore {
  /** A further handle, as another process would hold it. */
  open(): RuntimeDocuments;
  /** While false, every handle is cut off: what it knows stays, the rest rejects. */
  setReachable(isReachable: boolean): void;
}

/** The documents of one process; they end with it. */
export function createMemoryDocuments(options: { readonly clock?: Clock } = {}): RuntimeDocuments {
  return createMemoryDocumentStore(options).open();
}

export function createMemoryDocumentStore({
  clock = systemClock,
}: {
  readonly clock?: Clock;
} = {}): MemoryDocumentStore {
  const store = new Store(clock);
  return {
    open: () => new MemoryDocuments(store),
    setReachable: (isReachable) => store.setReachable(isReachable),
  };
}

class Store {
  readonly clock: Clock;
  readonly #versions = new Map<string, RuntimeDocument[]>();
  readonly handles = new Set<MemoryDocuments>();
  #cutOffAtMs: number | undefined;

  constructor(clock: Clock) {
    this.clock = clock;
  }

  get isReachable(): boolean {
    return this.#cutOffAtMs === undefined;
  }

  get staleMs(): number {
    return this.#cutOffAtMs === undefined ? 0 : this.clock.nowMs() - this.#cutOffAtMs;
  }

  versions(name: string): readonly RuntimeDocument[] {
    return this.#versions.get(name) ?? [];
  }

  add(name: string, change: DocumentChange): RuntimeDocument {
    const json = checkChange(change);
    const { expectedVersion, by, why } = change;
    const versions = this.#versions.get(name) ?? [];
    if (versions.length !== expectedVersion) {
      throw configError('document_changed', { details: { version: versions.length } });
    }
    const document: RuntimeDocument = {
      ...{ name, version: expectedVersion + 1, value: JSON.parse(json), by, why },
      at: new Date(this.clock.nowMs()).toISOString(),
    };
    this.#versions.set(name, [...versions, document]);
    for (const handle of this.handles) handle.refresh(name);
    return document;
  }

  setReachable(isReachable: boolean): void {
    if (isReachable === this.isReachable) return;
    this.#cutOffAtMs = isReachable ? undefined : this.clock.nowMs();
    if (isReachable) for (const handle of this.handles) handle.refreshAll();
  }
}

class MemoryDocuments implements RuntimeDocuments {
  readonly #store: Store;
  readonly #cells = new Map<string, DocumentCell>();
  #isClosed = false;

  constructor(store: Store) {
    this.#store = store;
    store.handles.add(this);
  }

  async get(name: string): Promise<RuntimeDocument | undefined> {
    this.#reach(name);
    return this.#store.versions(name).at(-1);
  }

  async put(name: string, change: DocumentChange): Promise<RuntimeDocument> {
    this.#reach(name);
    return this.#store.add(name, change);
  }

  async history(name: string, limit = 20): Promise<readonly RuntimeDocument[]> {
    checkHistoryLimit(limit);
    this.#reach(name);
    return this.#store.versions(name).slice(-limit).reverse();
  }

  watch(name: string): DocumentWatch {
    checkDocumentName(name);
    if (this.#isClosed) throw configError('documents_closed');
    let cell = this.#cells.get(name);
    if (cell === undefined) {
      cell = createDocumentCell(name, () => this.#store.staleMs);
      this.#cells.set(name, cell);
      if (this.#store.isReachable) this.refresh(name);
    }
    return cell.watch();
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#store.handles.delete(this);
    for (const cell of this.#cells.values()) cell.close();
  }

  refresh(name: string): void {
    const cell = this.#cells.get(name);
    const newest = this.#store.versions(name).at(-1);
    if (newest !== undefined) cell?.set(newest);
    cell?.settle();
  }

  refreshAll(): void {
    for (const name of this.#cells.keys()) this.refresh(name);
  }

  #reach(name: string): void {
    checkDocumentName(name);
    if (this.#isClosed) throw configError('documents_closed');
    if (!this.#store.isReachable) throw configError('documents_unavailable');
  }
}
