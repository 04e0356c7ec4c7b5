import type { ServiceError } from '@banyan/core';
import { DatabaseError } from 'pg';
import { type PostgresReason, postgresError } from './errors.ts';

/** SQLSTATE, or its class of two characters, to reason (PostgreSQL manual, appendix A). */
const reasonOfState: Readonly<Record<string, PostgresReason>> = {
  '08': 'database_unavailable',
  '22001': 'invalid_value',
  '22003': 'invalid_value',
  '22007': 'invalid_value',
  '22008': 'invalid_value',
  '22021': 'invalid_value',
  '22P02': 'invalid_value',
  '22P05': 'invalid_value',
  '23': 'constraint_violation',
  '23505': 'unique_violation',
  '25P02': 'transaction_failed',
  '25P03': 'transaction_timeout',
  '25P04': 'transaction_timeout',
  '28': 'database_permission',
  '3D000': 'database_missing',
  '40': 'serialization_conflict',
  '42501': 'database_permission',
  '53': 'database_exhausted',
  '55P03': 'lock_not_available',
  '57014': 'statement_timeout',
  '57P01': 'database_unavailable',
  '57P02': 'database_unavailable',
  '57P03': 'database_unavailable',
  '57P05': 'database_unavailable',
  '58': 'database_failed',
  XX: 'database_failed',
};

/** The `ServiceError` for what the driver reported; values that did not come from the server pass through. */
export function toDatabaseError(cause: unknown): unknown {
  if (!(cause instanceof DatabaseError) || cause.code === undefined) return cause;
  if (isStalePlan(cause)) return postgresError('schema_changed', { cause });
  const reason = reasonOfState[cause.code] ?? reasonOfState[cause.code.slice(0, 2)];
  return reason === undefined ? cause : postgresError(reason, { cause, details: detailsOf(cause, reason) });
}

/** Failing to connect: what is no answer of the server is the network's or the server's absence. */
export function toConnectError(cause: unknown): ServiceError {
  const reason =
    cause instanceof DatabaseError && cause.code !== undefined
      ? (reasonOfState[cause.code] ?? reasonOfState[cause.code.slice(0, 2)])
      : undefined;
  return postgresError(reason ?? 'database_unavailable', { cause });
}

/** True if the session is gone: PostgreSQL ends it after every FATAL or PANIC. */
export function endsSession(cause: unknown): boolean {
  return cause instanceof DatabaseError && (cause.severity === 'FATAL' || cause.severity === 'PANIC');
}

/** A prepared statement whose result changed its columns through a migration; nothing was executed. */
export function isStalePlan(cause: unknown): boolean {
  return (
    cause instanceof DatabaseError && cause.code === '0A000' && cause.routine === 'RevalidateCachedQuery'
  );
}

function detailsOf(cause: DatabaseError, reason: PostgresReason): unknown {
  if (reason !== 'unique_violation' && reason !== 'constraint_violation') return undefined;
  return cause.constraint === undefined ? { column: cause.column } : { constraint: cause.constraint };
}
