import { contract } from '@banyan/contract';
import { errorRuleOperations } from './error-rules.ts';
import { errorOperations } from './errors.ts';
import { logOperations } from './logs.ts';
import { mapOperations } from './map.ts';
import { metricOperations, runOperations } from './metrics.ts';
import { objectiveOperations } from './objectives.ts';
import { storeOperations } from './store-state.ts';
import { traceOperations } from './traces.ts';

/** What the console knows from telemetry. */
export const telemetryApi = contract('console-telemetry', {
  version: '1.0.0',
  description: 'Map, traces, logs, metrics, errors, objectives and runs, from the telemetry store.',
  operations: {
    ...mapOperations,
    ...traceOperations,
    ...logOperations,
    ...metricOperations,
    ...runOperations,
    ...errorOperations,
    ...errorRuleOperations,
    ...objectiveOperations,
    ...storeOperations,
  },
});
