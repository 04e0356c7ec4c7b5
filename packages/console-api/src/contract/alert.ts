import { z } from 'zod';
import { Time } from './time-window.ts';

export const alertLevels = ['page', 'ticket'] as const;

export const Alert = z.object({
  alertId: z.string(),
  /** Either this or `errorRuleId`. */
  objectiveId: z.string().optional(),
  errorRuleId: z.string().optional(),
  level: z.enum(alertLevels),
  startedAt: Time,
  /** Absent while it fires. */
  endedAt: Time.optional(),
  summary: z.string(),
});
