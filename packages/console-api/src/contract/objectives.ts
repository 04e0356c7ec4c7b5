import { operation } from '@banyan/contract';
import { z } from 'zod';
import { Alert, alertLevels } from './alert.ts';
import { Name } from './time-window.ts';

const notFound = { notFound: { status: 404, description: 'Nothing of that id is stored.' } } as const;

/** What an operation promises to those who use it: this share of its requests is good. */
export const Objective = z.object({
  objectiveId: Name,
  service: Name,
  /** Default: every operation of the service. */
  operation: Name.optional(),
  version: Name.optional(),
  /** Share of good requests, such as 0.999. */
  target: z.number().gt(0).lt(1),
  /** A good request is no error and, if given, takes no longer. */
  withinMs: z.number().positive().optional(),
  /** Over which the target holds: up to as many days as sums of requests are kept. Default 28. */
  windowDays: z.int().min(1).max(35).optional(),
});

/** Error rate, as a multiple of what would use up the budget in the window, over a long and a short time. */
export const BurnRate = z.object({
  level: z.enum(alertLevels),
  longMs: z.int(),
  shortMs: z.int(),
  threshold: z.number(),
  long: z.number(),
  short: z.number(),
  isFiring: z.boolean(),
});

export const ObjectiveState = Objective.extend({
  good: z.int(),
  total: z.int(),
  /** Share of good requests in the window; 1 without any. */
  attained: z.number(),
  /** What is left of the error budget: 1 untouched, 0 used up, negative beyond. */
  budgetLeft: z.number(),
  burnRates: z.array(BurnRate),
});

export const objectiveOperations = {
  listObjectives: operation('GET /api/objectives', {
    summary: 'Objectives with their error budgets and burn rates',
    input: z.object({}),
    output: z.object({ objectives: z.array(ObjectiveState) }),
  }),
  setObjective: operation('PUT /api/objectives/:objectiveId', {
    summary: 'State or change an objective',
    input: Objective,
    output: ObjectiveState,
  }),
  removeObjective: operation('DELETE /api/objectives/:objectiveId', {
    summary: 'Remove an objective',
    input: z.object({ objectiveId: Name }),
    output: z.object({}),
    errors: notFound,
  }),
  listAlerts: operation('GET /api/alerts', {
    summary: 'Alerts, those that fire first',
    input: z.object({}),
    output: z.object({ alerts: z.array(Alert) }),
  }),
} as const;
