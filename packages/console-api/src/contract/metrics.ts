import { operation } from '@banyan/contract';
import { z } from 'zod';
import { Attributes, Name, Time, timeWindow } from './time-window.ts';

export const seriesKinds = ['requests', 'errors', 'duration'] as const;
export const metricKinds = ['gauge', 'counter', 'histogram'] as const;

/** Values at the times `from`, `from + stepMs` …; null where nothing was measured. */
export const Series = z.object({
  labels: z.record(z.string(), z.string()),
  values: z.array(z.number().nullable()),
});

const SeriesList = z.object({
  from: Time,
  to: Time,
  stepMs: z.int(),
  series: z.array(Series),
});

export const metricOperations = {
  getTraffic: operation('GET /api/traffic', {
    summary: 'Rate, errors or duration over time, by operation',
    description:
      'From spans, so it covers whatever sends traces. One series for each operation, or one for all.',
    input: z.object({
      ...timeWindow,
      kind: z.enum(seriesKinds),
      service: z.string().optional(),
      operation: z.string().optional(),
      /** Of `duration`. Default 0.99. */
      quantile: z.number().min(0).max(1).optional(),
      /** Of this version alone. */
      version: z.string().optional(),
      /** Default: one series for each operation of `service`, or for each service. */
      by: z.enum(['service', 'operation', 'version']).optional(),
      runId: z.string().optional(),
    }),
    output: SeriesList,
  }),
  listMetrics: operation('GET /api/metrics', {
    summary: 'Names of the metrics that were sent',
    input: z.object({ service: z.string().optional() }),
    output: z.object({
      metrics: z.array(
        z.object({
          name: z.string(),
          kind: z.enum(metricKinds),
          unit: z.string(),
          description: z.string(),
          services: z.array(z.string()),
        }),
      ),
    }),
  }),
  getMetric: operation('GET /api/metrics/:name', {
    summary: 'One metric over time, a series for each set of attributes',
    description: 'Gauges as they are, counters as their rate per second, histograms as a quantile.',
    input: z.object({
      name: Name,
      ...timeWindow,
      service: z.string().optional(),
      quantile: z.number().min(0).max(1).optional(),
      runId: z.string().optional(),
    }),
    output: SeriesList.extend({ name: z.string(), kind: z.enum(metricKinds), unit: z.string() }),
    errors: { notFound: { status: 404, description: 'No metric of that name was sent.' } },
  }),
} as const;

export const runOperations = {
  listRuns: operation('GET /api/runs', {
    summary: 'Runs of the system, newest first',
    input: z.object({}),
    output: z.object({
      runs: z.array(
        z.object({
          runId: z.string(),
          startedAt: Time,
          /** Absent while it runs, and if it ended without saying so. */
          endedAt: Time.optional(),
          attributes: Attributes,
        }),
      ),
    }),
  }),
} as const;
