export { operationsApi } from './operations-contract.ts';
export { telemetryApi } from './telemetry-contract.ts';
