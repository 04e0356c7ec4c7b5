export type { ConsoleAccess } from './access.ts';
export type { Arrival, Target } from './api-routes.ts';
export { type ConsoleServer, type ConsoleServerOptions, createConsoleServer } from './console-server.ts';
export { operationsApi } from './contract/operations-contract.ts';
export { telemetryApi } from './contract/telemetry-contract.ts';
export { consoleErrors } from './errors.ts';
export type { Asker, HandlersOf, OperationsHandlers, TelemetryHandlers } from './handlers.ts';
export { otlpRoutes } from './otlp-routes.ts';
export { telemetryHandlers } from './telemetry-handlers.ts';
