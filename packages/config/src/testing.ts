export {
  describeRuntimeDocuments,
  type RuntimeDocumentsHarness,
  type RuntimeDocumentsSuiteOptions,
} from './conformance/describe-runtime-documents.ts';
export { createMemoryDocumentStore, type MemoryDocumentStore } from './documents/memory-documents.ts';
