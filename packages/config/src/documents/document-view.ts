import type { Logger } from '@banyan/core';
import type { DocumentWatch, RuntimeDocument, RuntimeDocuments } from './runtime-documents.ts';

export interface DocumentViewOptions<Value> {
  readonly documents: RuntimeDocuments;
  readonly name: string;
  /** Reads a document's value; throws if it cannot be put in force. */
  readonly parse: (value: unknown) => Value;
  /** In force while nobody has written the document. */
  readonly initial: Value;
  readonly logger: Logger;
}

/** What a process knows of a document, for operators. */
export interface DocumentStanding {
  /** In force here; 0 while nobody has written one. */
  readonly version: number;
  /** See `DocumentWatch.staleMs`. */
  readonly staleMs: number;
  /** A newer version that this process could not put in force, and why; absent if there is none. */
  readonly refused?: { readonly version: number; readonly reason: string };
}

/** A document as a typed value that is always there. */
export interface DocumentView<Value> {
  /** In force now: of the versions that could be understood, the newest one. */
  value(): Value;
  standing(): DocumentStanding;
  /** Calls `listener` after each change of `value`. Returns a function that ends it. */
  onChange(listener: (value: Value) => void): () => void;
  /** Resolves when the store was read for the first time. @throws what `DocumentWatch.ready` throws */
  ready(): Promise<void>;
  /** Idempotent; what is in force stays readable. */
  close(): void;
}

/**
 * Follows one document with the eyes of whoever obeys it. A version that `parse` refuses, such as one of a newer release, changes nothing: it
 * is logged, stays visible in `standing`, and the version before remains in force.
 * @throws what `RuntimeDocuments.watch` throws
 */
export function createDocumentView<Value>(options: DocumentViewOptions<Value>): DocumentView<Value> {
  return new ParsedDocument(options);
}

class ParsedDocument<Value> implements DocumentView<Value> {
  readonly #options: DocumentViewOptions<Value>;
  readonly #watch: DocumentWatch;
  readonly #listeners = new Set<{ readonly listener: (value: Value) => void }>();
  #value: Value;
  #version = 0;
  #refused: DocumentStanding['refused'];

  constructor(options: DocumentViewOptions<Value>) {
    this.#options = options;
    this.#value = options.initial;
    this.#watch = options.documents.watch(options.name);
    this.#watch.onChange((document) => this.#take(document));
    const known = this.#watch.current();
    if (known !== undefined) this.#take(known);
  }

  value(): Value {
    return this.#value;
  }

  standing(): DocumentStanding {
    const refused = this.#refused === undefined ? undefined : { refused: this.#refused };
    return { version: this.#version, staleMs: this.#watch.staleMs(), ...refused };
  }

  onChange(listener: (value: Value) => void): () => void {
    const entry = { listener };
    this.#listeners.add(entry);
    return () => void this.#listeners.delete(entry);
  }

  ready(): Promise<void> {
    return this.#watch.ready();
  }

  close(): void {
    this.#watch.close();
    this.#listeners.clear();
  }

  #take({ value, version, by }: RuntimeDocument): void {
    const { name, parse, logger } = this.#options;
    try {
      this.#value = parse(value);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      this.#refused = { version, reason };
      logger.error('a changed document cannot be put in force; the former one stays', {
        document: name,
        version,
        error,
      });
      return;
    }
    this.#version = version;
    this.#refused = undefined;
    logger.info('a changed document is in force', { document: name, version, by });
    for (const entry of [...this.#listeners]) if (this.#listeners.has(entry)) entry.listener(this.#value);
  }
}
