import { operation } from '@banyan/contract';
import { z } from 'zod';
import { Time, timeWindow } from './time-window.ts';

/** Requests in a window. A quantile is absent if there were none. */
export const Traffic = z.object({
  count: z.int(),
  perSecond: z.number(),
  /** Share of requests that the server could not answer, 0–1; refusals are no errors. */
  errorRate: z.number(),
  /** When the ten seconds began in which it was last so; of windows above two hours, five minutes. */
  lastErrorAt: Time.optional(),
  p50Ms: z.number().optional(),
  p99Ms: z.number().optional(),
});

export const nodeKinds = ['service', 'database', 'broker', 'external', 'client'] as const;
export const edgeKinds = ['call', 'event', 'database'] as const;

/** Requests that one version of a service answered. */
export const VersionTraffic = Traffic.extend({ version: z.string() });

export const MapService = Traffic.extend({
  name: z.string(),
  kind: z.enum(nodeKinds),
  version: z.string().optional(),
  /** `telemetry.sdk.language` of what it sends. */
  language: z.string().optional(),
  lastSeenAt: Time.optional(),
  /** Each version for itself, if more than one answered in the window. */
  versions: z.array(VersionTraffic).optional(),
});

export const MapEdge = Traffic.extend({
  from: z.string(),
  to: z.string(),
  kind: z.enum(edgeKinds),
  /** Of whoever answered, each for itself, if there was more than one. */
  versions: z.array(VersionTraffic).optional(),
});

export const ServiceMap = z.object({
  from: Time,
  to: Time,
  services: z.array(MapService),
  edges: z.array(MapEdge),
  /** Services that call each other in a circle, each circle once. */
  cycles: z.array(z.array(z.string())),
});

export const OperationTraffic = Traffic.extend({
  service: z.string(),
  operation: z.string(),
  kind: z.string(),
  p95Ms: z.number().optional(),
});

export const entryKinds = ['request', 'event', 'step', 'other'] as const;

export const CallDepth = z.object({
  service: z.string(),
  operation: z.string(),
  /** What began it: a request from outside, an event that was handled, a step of a saga, or something else. */
  kind: z.enum(entryKinds),
  /** Calls that wait for each other: of a request that the gateway passed on, and that was answered without asking anybody, 1. */
  depth: z.int(),
  isTooDeep: z.boolean(),
  /** Who waited for whom, the entry first. */
  chain: z.array(z.object({ service: z.string(), operation: z.string() })),
  /** A trace that shows it. */
  traceId: z.string(),
});

export const mapOperations = {
  getCallDepth: operation('GET /api/call-depth', {
    summary: 'How deep calls wait for each other, by the operation that began them',
    description:
      'From the newest 1,000 traces of the window: of each operation the ten with most spans, 200 in all. Events and steps of sagas begin anew, as nobody waits for them.',
    input: z.object({
      ...timeWindow,
      /** What is deeper is too deep. Default 3. */
      atMost: z.int().min(1).max(100).optional(),
    }),
    output: z.object({
      from: Time,
      to: Time,
      atMost: z.int(),
      /** Deepest first. */
      operations: z.array(CallDepth),
      /** Traces that were read. */
      traces: z.int(),
      /** False if there were more, so that a deeper chain may have been missed. */
      isWhole: z.boolean(),
    }),
  }),
  getMap: operation('GET /api/map', {
    summary: 'Services and the calls and events between them',
    input: z.object(timeWindow),
    output: ServiceMap,
  }),
  listOperations: operation('GET /api/operations', {
    summary: 'Rate, errors and duration of each operation',
    input: z.object({ service: z.string().optional(), ...timeWindow }),
    output: z.object({ operations: z.array(OperationTraffic) }),
  }),
} as const;
