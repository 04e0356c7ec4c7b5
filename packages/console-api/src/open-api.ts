import { type OpenApiDocument, toOpenApi } from '@banyan/contract';
import { operationsApi } from './contract/operations-contract.ts';
import { telemetryApi } from './contract/telemetry-contract.ts';

/** The API of the console, as it is served at `/api/openapi.json`. */
export function consoleOpenApi(version: string): OpenApiDocument {
  return toOpenApi({
    title: 'Banyan console',
    version,
    description:
      'Everything that the console shows and does. Live parts are server-sent events at /api/live.',
    contracts: [telemetryApi, operationsApi],
  });
}
