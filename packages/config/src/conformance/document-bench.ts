import assert from 'node:assert/strict';
import { setTimeout as delay } from 'node:timers/promises';
import type { DocumentChange, RuntimeDocuments } from '../documents/runtime-documents.ts';

/** One store under test, empty at first. */
export interface RuntimeDocumentsHarness {
  /** A further handle on the store, as another process would hold it. */
  open(): Promise<RuntimeDocuments>;
  /** Cuts every handle off from the store, or lets it back. */
  setReachable(isReachable: boolean): Promise<void>;
  /** Removes everything; handles may still be open. */
  close(): Promise<void>;
}

export interface RuntimeDocumentsSuiteOptions {
  create(): Promise<RuntimeDocumentsHarness>;
}

/** What the port promises. */
const propagationMs = 5_000;

/** The store of the test that runs now. */
export class DocumentBench {
  readonly #options: RuntimeDocumentsSuiteOptions;
  #harness: RuntimeDocumentsHarness | undefined;
  #handles: RuntimeDocuments[] = [];

  constructor(options: RuntimeDocumentsSuiteOptions) {
    this.#options = options;
  }

  get harness(): RuntimeDocumentsHarness {
    assert.ok(this.#harness, 'the harness is created before each test');
    return this.#harness;
  }

  async start(): Promise<void> {
    this.#harness = await this.#options.create();
  }

  async stop(): Promise<void> {
    await this.harness.setReachable(true);
    for (const handle of this.#handles.splice(0)) await handle.close();
    await this.harness.close();
  }

  async open(): Promise<RuntimeDocuments> {
    const handle = await this.harness.open();
    this.#handles.push(handle);
    return handle;
  }

  /** Waits until `condition` holds; fails, with `what` in the text, if it takes longer than a change may. */
  async until(what: string, condition: () => boolean): Promise<void> {
    const endMs = performance.now() + propagationMs;
    while (!condition()) {
      if (performance.now() > endMs) assert.fail(`not within ${propagationMs} ms: ${what}`);
      await delay(5);
    }
  }
}

/** A change of whatever is there at `expectedVersion`, by somebody for a reason. */
export function change(expectedVersion: number, value: unknown): DocumentChange {
  return { value, expectedVersion, by: 'ada', why: `version ${expectedVersion + 1}` };
}
