export { createManualClock, type ManualClock } from './testing/manual-clock.ts';
