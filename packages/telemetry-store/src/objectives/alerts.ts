import type { AlertLevel } from './burn-rate.ts';

/** An objective whose error budget burns too fast, or did. */
export interface Alert {
  readonly alertId: string;
  readonly objectiveId: string;
  readonly level: AlertLevel;
  readonly startedAt: string;
  readonly endedAt?: string;
  readonly summary: string;
}

export interface AlertRow extends Omit<Alert, 'endedAt'> {
  readonly endedAt: string | null;
}

export function toAlert({ alertId, objectiveId, level, startedAt, endedAt, summary }: AlertRow): Alert {
  return { alertId, objectiveId, level, startedAt, summary, ...(endedAt === null ? undefined : { endedAt }) };
}
