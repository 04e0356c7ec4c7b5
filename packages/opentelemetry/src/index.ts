export { joinOpenTelemetry } from './join-open-telemetry.ts';
