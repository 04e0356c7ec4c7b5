import { configError } from '../errors.ts';
import type { DocumentWatch, RuntimeDocument } from './runtime-documents.ts';

/** The copy behind all watches of one document. For implementations of `RuntimeDocuments`: it keeps the promises of `DocumentWatch`. */
export interface DocumentCell {
  readonly name: string;
  /** The version that is known here; 0 for none. */
  readonly version: number;
  /** Takes over what the store said; older versions are passed over. */
  set(document: RuntimeDocument): void;
  /** The store was read: there is a newest version, or none. */
  settle(): void;
  watch(): DocumentWatch;
  /** Closes every watch; they stay readable. Idempotent. */
  close(): void;
}

/** @param staleMs milliseconds since the store was last read, whichever document it was read for */
export function createDocumentCell(name: string, staleMs: () => number): DocumentCell {
  return new CachedDocument(name, staleMs);
}

class CachedDocument implements DocumentCell {
  readonly name: string;
  readonly #staleMs: () => number;
  readonly #watches = new Set<CellWatch>();
  #document: RuntimeDocument | undefined;
  #isSettled = false;

  constructor(name: string, staleMs: () => number) {
    this.name = name;
    this.#staleMs = staleMs;
  }

  get document(): RuntimeDocument | undefined {
    return this.#document;
  }

  get version(): number {
    return this.#document?.version ?? 0;
  }

  get isSettled(): boolean {
    return this.#isSettled;
  }

  get staleMs(): number {
    return this.#isSettled ? Math.max(0, this.#staleMs()) : Number.POSITIVE_INFINITY;
  }

  set(document: RuntimeDocument): void {
    if (document.version <= this.version) return;
    this.#document = document;
    for (const watch of [...this.#watches]) watch.tell(document);
  }

  settle(): void {
    if (this.#isSettled) return;
    this.#isSettled = true;
    for (const watch of this.#watches) watch.settle();
  }

  watch(): DocumentWatch {
    const watch = new CellWatch(this);
    this.#watches.add(watch);
    return watch;
  }

  forget(watch: CellWatch): void {
    this.#watches.delete(watch);
  }

  close(): void {
    for (const watch of this.#watches) watch.close();
  }
}

type Listener = (document: RuntimeDocument) => void;

class CellWatch implements DocumentWatch {
  readonly #cell: CachedDocument;
  readonly #listeners = new Set<{ readonly listener: Listener }>();
  readonly #ready = Promise.withResolvers<void>();
  #isClosed = false;

  constructor(cell: CachedDocument) {
    this.#cell = cell;
    // Nobody has to wait for it.
    this.#ready.promise.catch(() => undefined);
    if (cell.isSettled) this.#ready.resolve();
  }

  get name(): string {
    return this.#cell.name;
  }

  current(): RuntimeDocument | undefined {
    return this.#cell.document;
  }

  staleMs(): number {
    return this.#cell.staleMs;
  }

  onChange(listener: Listener): () => void {
    // An object each, so that the same function added twice is told twice and removed once.
    const entry = { listener };
    if (!this.#isClosed) this.#listeners.add(entry);
    return () => void this.#listeners.delete(entry);
  }

  ready(): Promise<void> {
    return this.#ready.promise;
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#listeners.clear();
    this.#cell.forget(this);
    this.#ready.reject(configError('documents_closed'));
  }

  settle(): void {
    this.#ready.resolve();
  }

  tell(document: RuntimeDocument): void {
    // One listener may remove another while the news goes round.
    for (const entry of [...this.#listeners]) if (this.#listeners.has(entry)) entry.listener(document);
  }
}
