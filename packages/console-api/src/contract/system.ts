import { metricTypes, operation } from '@banyan/contract';
import { z } from 'zod';
import { leftOut } from './left-out.ts';
import { Name, Time, timeWindow } from './time-window.ts';

const notFound = { notFound: { status: 404, description: 'There is no such service.' } } as const;

export const Instance = z.object({
  id: z.string(),
  state: z.string(),
  url: z.string().optional(),
  pid: z.int().optional(),
  version: z.string(),
  zone: z.string().optional(),
  label: z.string().optional(),
  startedAt: Time.optional(),
  restarts: z.int().optional(),
  reason: z.string().optional(),
});

export const SystemService = z.object({
  name: z.string(),
  version: z.string(),
  /** Services that run in one process have the same group. */
  group: z.string(),
  isHealthy: z.boolean(),
  instances: z.array(Instance),
  /** How long each call to it is held up, if an operator has slowed it. */
  delayMs: z.int().optional(),
  /** Of the calls that it makes. */
  breakers: z.array(
    z.object({
      to: z.string(),
      /** That the caller asks for, such as `2` or `2.1.0`: a circuit is for each. */
      version: z.string().optional(),
      state: z.enum(['closed', 'open', 'half_open']),
    }),
  ),
  calls: z.array(z.string()),
  listensTo: z.array(z.string()),
});

export const controlActions = [
  'stop',
  'start',
  'restart',
  'pause',
  'resume',
  'slow',
  'split',
  'merge',
] as const;

export const systemOperations = {
  getSystem: operation('GET /api/system', {
    summary: 'What runs, where, and since when',
    input: z.object({}),
    output: z.object({
      name: z.string(),
      version: z.string(),
      development: z.boolean(),
      /** Whoever acts from here, as the audit will name them. */
      by: z.string(),
      runId: z.string().optional(),
      publicUrl: z.string().optional(),
      services: z.array(SystemService),
    }),
  }),
  listContracts: operation('GET /api/contracts', {
    summary: 'Contracts with their versions and consumers',
    input: z.object({}),
    output: z.object({
      contracts: z.array(
        z.object({
          service: z.string(),
          version: z.string(),
          description: z.string().optional(),
          operations: z.int(),
          events: z.int(),
          consumers: z.array(z.string()),
        }),
      ),
    }),
  }),
  getContract: operation('GET /api/contracts/:service', {
    summary: 'One contract as OpenAPI and AsyncAPI documents, with examples, and its metrics',
    input: z.object({ service: Name }),
    output: z.object({
      service: z.string(),
      version: z.string(),
      openApi: z.json(),
      asyncApi: z.json(),
      consumers: z.array(z.string()),
      examples: z.record(z.string(), z.json()),
      metrics: z.array(
        z.object({
          /** On the metrics page. */
          name: z.string(),
          type: z.enum(metricTypes),
          help: z.string(),
          labels: z.record(z.string(), z.array(z.string())),
        }),
      ),
    }),
    errors: notFound,
  }),
  tryOperation: operation('POST /api/contracts/:service/try', {
    summary: 'Call an operation through the gateway, as an end user would',
    input: z.object({
      service: Name,
      operation: Name,
      input: z.json(),
      /** Sent as a bearer token; kept nowhere. */
      token: z.string().max(8_192).optional(),
    }),
    output: z.object({
      status: z.int(),
      durationMs: z.number(),
      body: z.json().optional(),
      text: z.string().optional(),
      traceId: z.string().optional(),
    }),
    errors: notFound,
  }),
  getConfiguration: operation('GET /api/configuration', {
    summary: 'Configuration as it is in force, and where each value came from',
    input: z.object({}),
    output: z.object({
      settings: z.array(
        z.object({
          service: z.string(),
          name: z.string(),
          /** Absent for a secret and for what is not set. */
          value: z.string().optional(),
          isSecret: z.boolean(),
          /** `environment`, `.env`, `default`, `console` for what the console set itself … */
          source: z.string(),
          summary: z.string().optional(),
        }),
      ),
    }),
  }),
  listAudit: operation('GET /api/audit', {
    summary: 'Who did what, newest first',
    input: z.object({
      ...timeWindow,
      service: Name.optional(),
      user: Name.optional(),
      subject: Name.optional(),
      action: Name.optional(),
      limit: z.int().min(1).max(1_000).optional(),
    }),
    output: z.object({
      records: z.array(
        z.object({
          at: Time,
          service: z.string(),
          action: z.string(),
          outcome: z.string(),
          by: z.string(),
          subject: z.string().optional(),
          traceId: z.string().optional(),
          details: z.json().optional(),
        }),
      ),
      ...leftOut,
    }),
  }),
  controlService: operation('POST /api/control/:service', {
    summary: 'Stop, start, restart, pause, resume, slow, split off or merge a service, in development',
    input: z.object({
      service: Name,
      action: z.enum(controlActions),
      /** slow: each call to the service is held up for so long; 0 ends it. Default 0. */
      delayMs: z.int().min(0).max(60_000).optional(),
    }),
    output: z.object({}),
    errors: {
      ...notFound,
      notPossible: { status: 409, description: 'Not in this placement, state or environment.' },
    },
  }),
} as const;
