export {
  type CorrelatedEvent,
  correlate,
  type FlowDefinition,
  type FlowOptions,
  type FlowStep,
  type FlowStepOptions,
  flow,
  type Sign,
} from './definition.ts';
export { drawFlow } from './draw.ts';
export type {
  FlowAuditEntry,
  FlowChange,
  FlowFilter,
  FlowId,
  FlowStanding,
  FlowStore,
  StoredFlow,
} from './flow-store.ts';
export { createFlowMonitor, type EndedFlow, type FlowMonitor, type Sighting } from './monitor.ts';
export {
  type Awaited,
  addSighting,
  type FlowPicture,
  type FlowStatus,
  type FlowStepState,
  flowStatuses,
  flowStepStates,
  pictureOf,
  type Seen,
  type StepPicture,
} from './picture.ts';
export {
  type FlowPage,
  type FlowQuery,
  type FlowStepView,
  type FlowView,
  flowView,
  listFlows,
} from './view.ts';
export { createFlowWatch, type FlowAlarm, type FlowWatch, type FlowWatchOptions } from './watch.ts';
