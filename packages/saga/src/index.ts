export { type BrokenSaga, type CompatibilityReport, checkHistories, type SagaHistory } from './check.ts';
export type {
  Action,
  CallAction,
  Effect,
  EmitOf,
  ReplyOf,
  RunAction,
  RunStepContext,
  SendAction,
  StepContext,
  TxAction,
  TxStepContext,
} from './definition/action.ts';
export {
  allNodes,
  definitionId,
  type FailurePolicy,
  failurePolicies,
  type Node,
  type RetryPolicy,
  type SagaDefinition,
} from './definition/definition.ts';
export { type Path, type Saga, type SagaOptions, saga } from './definition/saga.ts';
export { type DrawnInstance, drawSaga } from './draw.ts';
export { checkJournals, type DurableHistory } from './durable/check-journals.ts';
export type { AttemptOptions } from './durable/command.ts';
export type { ChildResult, DurableContext, Startable } from './durable/context.ts';
export { drawJournal } from './durable/draw-journal.ts';
export { type Durable, type DurableDefinition, type DurableOptions, durable } from './durable/durable.ts';
export type { DurableState, PendingRecord } from './durable/durable-state.ts';
export { type JournalEntry, type NewJournalEntry, wordsFor } from './durable/journal.ts';
export { answerDurable, cancelStuckDurable, retryDurable, skipDurable } from './durable/operate-durable.ts';
export type { EndedSaga, SagaStand, WaitForEnd } from './engine/ends.ts';
export {
  createSagaEngine,
  type SagaEngine,
  type SagaEngineOptions,
  type StartRequest,
} from './engine/engine.ts';
export type { LiveSaga } from './engine/live-saga.ts';
export { sagaIdOf } from './engine/saga-id.ts';
export type { SagaSettings } from './engine/settings.ts';
export { voidPrefix } from './engine/step-work.ts';
export type {
  SagaEnvironment,
  SagaTransaction,
  StepAttempt,
  StepCall,
  StepIdentity,
  StepMessage,
  WatchedStep,
} from './environment.ts';
export { sagaErrors } from './errors.ts';
export { inputsOf } from './inputs-of.ts';
export { cancelStuck, type OperatorVerdict, repairStep, retrySaga, skipStep } from './operate.ts';
export type {
  Advanced,
  AuditEntry,
  MailBounds,
  NewSaga,
  OperatorChange,
  Posted,
  SagaFilter,
  SagaRow,
  SagaStanding,
  SagaStore,
  StoredSaga,
  Transition,
} from './saga-store.ts';
export {
  isEnded,
  type Letter,
  type Mail,
  type ReplyLetter,
  type SagaFailure,
  type SagaState,
  type SagaStatus,
  type StepRecord,
  type StepState,
  sagaStatuses,
  stepStates,
} from './state.ts';
