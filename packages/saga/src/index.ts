export type {
  Action,
  CallAction,
  Effect,
  EmitOf,
  RunAction,
  RunStepContext,
  StepContext,
  TxAction,
  TxStepContext,
} from './action.ts';
export { type BrokenSaga, type CompatibilityReport, checkHistories, type SagaHistory } from './check.ts';
export {
  allNodes,
  definitionId,
  type FailurePolicy,
  failurePolicies,
  type Node,
  type RetryPolicy,
  type SagaDefinition,
} from './definition.ts';
export { type DrawnInstance, drawSaga } from './draw.ts';
export {
  createSagaEngine,
  type SagaEngine,
  type SagaEngineOptions,
  type SagaSettings,
  type SagaStand,
  type StartRequest,
  sagaIdOf,
} from './engine.ts';
export type { SagaEnvironment, SagaTransaction, StepCall, StepIdentity } from './environment.ts';
export { sagaErrors } from './errors.ts';
export type { LiveSaga } from './live-saga.ts';
export { cancelStuck, type OperatorVerdict, repairStep, retrySaga, skipStep } from './operate.ts';
export { type Path, type Saga, type SagaOptions, saga } from './saga.ts';
export type {
  Advanced,
  AuditEntry,
  NewSaga,
  OperatorChange,
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
  type SagaFailure,
  type SagaState,
  type SagaStatus,
  type StepRecord,
  type StepState,
  sagaStatuses,
  stepStates,
} from './state.ts';
export { voidPrefix } from './step-work.ts';
