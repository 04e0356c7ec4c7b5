export { eventually } from './testing/eventually.ts';
export { createManualClock, type ManualClock } from './testing/manual-clock.ts';
