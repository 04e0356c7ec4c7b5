import { operation } from '@banyan/contract';
import { z } from 'zod';
import { leftOut } from './left-out.ts';
import { Name, Time } from './time-window.ts';

const errors = {
  notFound: { status: 404, description: 'There is no such saga.' },
  notPossible: { status: 409, description: 'The saga is not in a state in which that can be done.' },
} as const;

export const sagaStatuses = [
  'running',
  'compensating',
  'completed',
  'compensated',
  'failed',
  'stuck',
] as const;

export const SagaSummary = z.object({
  service: z.string(),
  id: z.string(),
  name: z.string(),
  version: z.int(),
  status: z.enum(sagaStatuses),
  startedAt: Time,
  changedAt: Time,
  endedAt: Time.optional(),
  waitingFor: z.array(z.string()),
  worker: z.string().optional(),
});

export const SagaStep = z.object({
  name: z.string(),
  state: z.string(),
  isCompensation: z.boolean(),
  attempts: z.int(),
  /** From the first attempt to the end of the last one, as the spans of the saga say; absent if there are none. */
  startedAt: Time.optional(),
  endedAt: Time.optional(),
  /** The same of undoing it. */
  undone: z.object({ startedAt: Time, endedAt: Time, attempts: z.int() }).optional(),
  /** What was asked of another service. Secrets are left out of input and output, and what is large is cut off. */
  input: z.json().optional(),
  output: z.json().optional(),
  error: z.string().optional(),
});

const one = { service: Name, id: Name } as const;

export const sagaOperations = {
  listSagas: operation('GET /api/sagas', {
    summary: 'Sagas, newest first',
    input: z.object({
      service: Name.optional(),
      name: Name.optional(),
      status: z.enum(sagaStatuses).optional(),
      limit: z.int().min(1).max(1_000).optional(),
    }),
    output: z.object({ sagas: z.array(SagaSummary), ...leftOut }),
  }),
  getSaga: operation('GET /api/sagas/:service/:id', {
    summary: 'One saga with the path it took',
    input: z.object(one),
    output: SagaSummary.extend({
      input: z.json(),
      steps: z.array(SagaStep),
      traceId: z.string().optional(),
      /** Picture of the path, as an SVG document. */
      svg: z.string(),
    }),
    errors,
  }),
  retrySaga: operation('POST /api/sagas/:service/:id/retry', {
    summary: 'Try the stuck step again',
    input: z.object(one),
    output: z.object({}),
    errors,
  }),
  skipSagaStep: operation('POST /api/sagas/:service/:id/skip', {
    summary: 'Go on without the stuck step',
    input: z.object(one),
    output: z.object({}),
    errors,
  }),
  cancelSaga: operation('POST /api/sagas/:service/:id/cancel', {
    summary: 'Undo what it has done',
    input: z.object(one),
    output: z.object({}),
    errors,
  }),
  repairSaga: operation('POST /api/sagas/:service/:id/repair', {
    summary: 'Go on with this result of the stuck step',
    input: z.object({ ...one, result: z.json() }),
    output: z.object({}),
    errors,
  }),
} as const;

export const streamOperations = {
  listStreams: operation('GET /api/streams', {
    summary: 'Streams of the event stores, those that changed last first',
    input: z.object({
      service: Name.optional(),
      /** Part of the name, looked for among the newest 50,000 events of a service; or a whole name. */
      text: z.string().max(200).optional(),
      limit: z.int().min(1).max(1_000).optional(),
    }),
    output: z.object({
      streams: z.array(
        z.object({ service: z.string(), streamId: z.string(), events: z.int(), changedAt: Time }),
      ),
      ...leftOut,
    }),
  }),
  readStream: operation('GET /api/streams/:service/:streamId', {
    summary: 'One stream of the event store, oldest event first',
    input: z.object({
      service: Name,
      streamId: Name,
      fromRevision: z.int().min(0).optional(),
      limit: z.int().min(1).max(1_000).optional(),
    }),
    output: z.object({
      events: z.array(
        z.object({ revision: z.int(), type: z.string(), at: Time, data: z.json(), metadata: z.json() }),
      ),
    }),
    errors,
  }),
  getStreamState: operation('GET /api/streams/:service/:streamId/state', {
    summary: 'What its events said last of each field, up to a moment; default: now',
    input: z.object({ service: Name, streamId: Name, at: Time.optional() }),
    output: z.object({ revision: z.int(), state: z.json() }),
    errors,
  }),
} as const;
