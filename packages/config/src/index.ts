export {
  type ConfigProblem,
  type ConfigResult,
  type ConfigSource,
  type ConfiguredService,
  type ReadConfigOptions,
  readAllConfig,
  readConfig,
} from './config.ts';
export { type ConfigRow, describeConfig } from './describe-config.ts';
export { checkChange, checkDocumentName, checkHistoryLimit } from './documents/check-document.ts';
export { createDocumentCell, type DocumentCell } from './documents/document-cell.ts';
export {
  createDocumentView,
  type DocumentStanding,
  type DocumentView,
  type DocumentViewOptions,
} from './documents/document-view.ts';
export { createMemoryDocuments } from './documents/memory-documents.ts';
export type {
  DocumentChange,
  DocumentWatch,
  RuntimeDocument,
  RuntimeDocuments,
} from './documents/runtime-documents.ts';
export { parseEnvFile } from './env-file.ts';
export { type LoadEnvironmentOptions, type LoadedEnvironment, loadEnvironment } from './environment.ts';
export { configErrors } from './errors.ts';
export type { ConfigWarning } from './unknown-variables.ts';
export { variableNameOf } from './variable-name.ts';
