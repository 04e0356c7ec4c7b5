import { afterEach, beforeEach, describe } from 'node:test';
import { DocumentBench, type RuntimeDocumentsSuiteOptions } from './document-bench.ts';
import { describeDocumentVersions } from './document-version-tests.ts';
import { describeDocumentWatches } from './document-watch-tests.ts';

export type { RuntimeDocumentsHarness, RuntimeDocumentsSuiteOptions } from './document-bench.ts';

/** The conformance suite of `RuntimeDocuments`: call it at the top level of a test file. */
export function describeRuntimeDocuments(name: string, options: RuntimeDocumentsSuiteOptions): void {
  describe(`run-time documents conformance: ${name}`, () => {
    const bench = new DocumentBench(options);
    beforeEach(() => bench.start());
    afterEach(() => bench.stop());
    describeDocumentVersions(bench);
    describeDocumentWatches(bench);
  });
}
