export type { CallContext, Caller, TraceContext, User } from './call-context.ts';
export { type Clock, sleep, systemClock } from './clock.ts';
export {
  codeOfHttpStatus,
  coreErrors,
  createErrorFactory,
  type ErrorCode,
  type ErrorTable,
  fromProblem,
  httpStatusOfCode,
  isServiceError,
  type Problem,
  ServiceError,
  type ServiceErrorOptions,
  type TableErrorOptions,
  toProblem,
  toServiceError,
} from './errors.ts';
export { type Html, html } from './html.ts';
export { uuidv7 } from './ids.ts';
export { type LogFields, type Logger, type LogLevel, logLevels, silentLogger } from './logger.ts';
export {
  type CamelCase,
  type CausedTransactionOptions,
  type Database,
  type Sql,
  type SqlFragment,
  type SqlObserver,
  type SqlParameter,
  type SqlQuery,
  type StatementWatch,
  sqlBase,
  sqlFragment,
  sqlObserve,
  sqlObserver,
  sqlWatch,
  type Transaction,
  type TransactionOptions,
} from './sql.ts';
