import { createErrorFactory, type ErrorTable } from '@banyan/core';

export const postgresErrors = {
  unique_violation: {
    code: 'already_exists',
    text: 'A row with these values exists already; `details.constraint` names the rule.',
  },
  constraint_violation: {
    code: 'failed_precondition',
    text: 'The change breaks a rule of the database; `details` names the constraint or column.',
  },
  invalid_value: { code: 'invalid_argument', text: 'A value does not fit the type of its column.' },
  serialization_conflict: {
    code: 'aborted',
    text: 'Another transaction changed the same rows at the same time. Repeat the whole transaction.',
  },
  lock_not_available: {
    code: 'aborted',
    text: 'Another transaction holds a lock that this one did not want to wait for.',
  },
  schema_changed: {
    code: 'aborted',
    text: 'A table changed its shape while the transaction ran. Repeat the whole transaction.',
  },
  statement_timeout: { code: 'deadline_exceeded', text: 'A statement ran longer than its time limit.' },
  transaction_timeout: {
    code: 'deadline_exceeded',
    text: 'The transaction passed its deadline, or stayed idle for too long, and was rolled back.',
  },
  transaction_cancelled: { code: 'cancelled', text: 'The transaction was cancelled and rolled back.' },
  transaction_failed: {
    code: 'internal',
    text: 'A statement of the transaction failed and the error was swallowed, so nothing could be committed. Use `savepoint` to go on after a failure.',
  },
  transaction_ended: {
    code: 'internal',
    text: 'The `sql` of a transaction was used after the transaction had ended.',
  },
  savepoint_open: {
    code: 'internal',
    text: 'The transaction was used while a savepoint is open. Use the `sql` that the savepoint passes in, one savepoint at a time.',
  },
  query_not_awaited: {
    code: 'internal',
    text: 'A transaction built a query that was neither awaited nor used in another query, so it never ran. The transaction was rolled back.',
  },
  session_ended: {
    code: 'unavailable',
    text: 'The connection of the database session is gone, and its locks with it.',
  },
  database_permission: { code: 'permission_denied', text: 'The database role lacks the privilege for this.' },
  database_missing: { code: 'failed_precondition', text: 'The database does not exist on the server.' },
  database_unavailable: {
    code: 'unavailable',
    text: 'The database cannot be reached or closed the connection.',
  },
  database_closed: { code: 'unavailable', text: 'The database was used after `close`.' },
  database_exhausted: {
    code: 'resource_exhausted',
    text: 'The database server has run out of connections, memory or disk.',
  },
  database_failed: {
    code: 'internal',
    text: 'The database server could not read or write its files, found them damaged or failed in itself; its log says more.',
  },
  connections_exhausted: {
    code: 'resource_exhausted',
    text: 'No connection became free in time. Often a transaction asks for a second connection while it holds one.',
  },
  commit_outcome_unknown: {
    code: 'unavailable',
    text: 'The connection was lost during commit: the transaction may or may not have been committed.',
  },
  database_taken: {
    code: 'failed_precondition',
    text: 'A database of that name belongs to another system on the same server.',
  },
  migration_invalid: {
    code: 'failed_precondition',
    text: 'The migration files are not numbered 0001, 0002 … without gaps, or one that was applied is no longer there.',
  },
  migration_changed: {
    code: 'failed_precondition',
    text: 'A migration was edited after it had been applied. Restore it and write the change as a new file.',
  },
  migration_pending: {
    code: 'failed_precondition',
    text: 'The tables of the database are older than the program that only looks at them; starting the system brings them up to date.',
  },
  migration_failed: {
    code: 'failed_precondition',
    text: 'A statement of a migration failed; the message names file and line.',
  },
  migration_locked: {
    code: 'unavailable',
    text: 'Another process has been migrating or provisioning the same database for too long.',
  },
  embedded_unsupported: {
    code: 'failed_precondition',
    text: 'There is no embedded PostgreSQL for this machine, or npm left its optional package out. Set DATABASE_URL instead.',
  },
  embedded_user: {
    code: 'failed_precondition',
    text: 'PostgreSQL refuses to run as root and no other user can be given access to its files.',
  },
  embedded_start_failed: {
    code: 'internal',
    text: 'The embedded PostgreSQL did not start; its log says why.',
  },
  database_in_use: {
    code: 'failed_precondition',
    text: 'Another process of this machine runs the embedded PostgreSQL on the same data.',
  },
  database_port_taken: {
    code: 'failed_precondition',
    text: 'The port for the embedded PostgreSQL is in use.',
  },
  database_disk_full: {
    code: 'resource_exhausted',
    text: 'The disk that holds the data of the embedded PostgreSQL is full.',
  },
  data_not_writable: {
    code: 'permission_denied',
    text: 'The folder for the data of the embedded PostgreSQL cannot be written.',
  },
  capture_lost: {
    code: 'data_loss',
    text: 'The write-ahead log was thrown away, or the slot dropped, before everything was captured: changes are missing.',
  },
  capture_unavailable: {
    code: 'failed_precondition',
    text: 'The server writes no log that changes could be read from. The embedded one does so from its next start on if the `run` of a capture is a background task; on others set `wal_level = logical` and restart them.',
  },
  data_unusable: {
    code: 'failed_precondition',
    text: 'The data folder was made by another major version of PostgreSQL, or holds something else.',
  },
} as const satisfies ErrorTable;

export type PostgresReason = keyof typeof postgresErrors;

export const postgresError = createErrorFactory(postgresErrors);
