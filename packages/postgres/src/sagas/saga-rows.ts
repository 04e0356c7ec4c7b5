import type { User } from '@banyan/core';
import type { SagaRow, SagaState, SagaStatus } from '@banyan/saga';
import { parseMail } from './saga-mail.ts';

/** A row as the driver reads it. */
export interface WireRow {
  readonly id: string;
  readonly name: string;
  readonly version: number;
  readonly input: unknown;
  readonly state: SagaState;
  readonly status: SagaStatus;
  readonly deadlineMs: number | null;
  readonly caller: User | null;
  readonly traceparent: string | null;
  readonly parentId: string | null;
  readonly parentStep: string | null;
  readonly mail: string | null;
  readonly isTakenOver: boolean;
  readonly startedMs?: number;
}

export function toSagaRow(row: WireRow): SagaRow {
  const { id, name, version, input, state, status, isTakenOver } = row;
  return {
    id,
    name,
    version,
    input,
    state,
    status,
    isTakenOver,
    startedAtMs: row.startedMs,
    deadlineAtMs: row.deadlineMs ?? undefined,
    user: row.caller ?? undefined,
    traceparent: row.traceparent ?? undefined,
    parent: row.parentId === null ? undefined : { id: row.parentId, step: row.parentStep ?? '' },
    mail: parseMail(row.mail),
  };
}
