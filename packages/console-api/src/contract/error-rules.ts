import { operation } from '@banyan/contract';
import { z } from 'zod';
import { alertLevels } from './alert.ts';
import { Name } from './time-window.ts';

/** More errors than this are too many. */
export const ErrorRule = z.object({
  ruleId: Name,
  service: Name,
  /** One group of its errors alone. Default: all that are not ignored. */
  groupId: Name.optional(),
  /** More than so many within the window. */
  maxErrors: z.int().min(0).max(1_000_000),
  windowMinutes: z.int().min(1).max(60),
  /** Default `page`. */
  level: z.enum(alertLevels).optional(),
});

export const ErrorRuleState = ErrorRule.extend({
  /** In the window, now. */
  errors: z.int(),
  /** It goes on until at most half as many are left as the rule allows. */
  isFiring: z.boolean(),
});

export const errorRuleOperations = {
  listErrorRules: operation('GET /api/error-rules', {
    summary: 'How many errors are too many, and how many there are',
    input: z.object({}),
    output: z.object({ rules: z.array(ErrorRuleState) }),
  }),
  setErrorRule: operation('PUT /api/error-rules/:ruleId', {
    summary: 'Alert on a burst of errors',
    input: ErrorRule,
    output: ErrorRuleState,
  }),
  removeErrorRule: operation('DELETE /api/error-rules/:ruleId', {
    summary: 'Alert on it no more',
    input: z.object({ ruleId: Name }),
    output: z.object({}),
    errors: { notFound: { status: 404, description: 'Nothing of that id is stored.' } },
  }),
} as const;
