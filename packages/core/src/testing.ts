export { eventually, until, untilPasses } from './testing/eventually.ts';
export { createManualClock, type ManualClock } from './testing/manual-clock.ts';
export { stallMs } from './testing/stall.ts';
