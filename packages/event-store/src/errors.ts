import { createErrorFactory, type ErrorTable } from '@banyan/core';

/** Every `reason` that this package gives, with its code. */
export const eventStoreErrors = {
  wrong_expected_revision: {
    code: 'aborted',
    text: 'The stream is not at the expected revision: somebody else appended. `details` has `stream`, `expected` and `actual` (-1 for no stream). Load, decide and append again.',
  },
  append_condition_failed: {
    code: 'aborted',
    text: 'An event that matches the query of the append condition was appended since it was read; `details.position` is the first one. Read, decide and append again.',
  },
  stream_busy: {
    code: 'aborted',
    text: 'Other transactions hold the stream, or a tag of the event, for longer than an append waits.',
  },
  appends_exhausted: {
    code: 'resource_exhausted',
    text: 'Too many appends of this process wait for the database already. Nothing was appended.',
  },
  isolation_unsupported: {
    code: 'failed_precondition',
    text: 'An append condition needs a transaction with isolation `read committed`: a stricter one would not see what was committed while it waited.',
  },
  append_invalid: {
    code: 'invalid_argument',
    text: 'The stream, an event, a tag or the number of events is not one that can be appended; the message says why.',
  },
  cursor_invalid: {
    code: 'invalid_argument',
    text: 'The text is no cursor of this event store.',
  },
  event_type_unknown: {
    code: 'failed_precondition',
    text: 'The stream has an event, or an append brings one, of a type that this code does not define. Deploy the code that knows it.',
  },
  event_version_unknown: {
    code: 'failed_precondition',
    text: 'The event was written in a newer version of its type than this code knows. Deploy the newer code.',
  },
  event_upcast_failed: {
    code: 'internal',
    text: 'A stored event of an older version cannot be turned into the current one: an up-caster threw, or what it made does not match the schema.',
  },
  subject_forgotten: {
    code: 'failed_precondition',
    text: 'The subject was forgotten: its key is gone, and nothing personal of it can be stored any more.',
  },
  key_encryption_key_missing: {
    code: 'failed_precondition',
    text: 'Personal data needs a key-encryption key that is not configured here: none at all, or not the one that wrapped the key of the subject.',
  },
  event_tampered: {
    code: 'data_loss',
    text: 'The encrypted part of an event, or the key of its subject, does not authenticate: it was changed, or belongs to something else.',
  },
  not_reversible: {
    code: 'failed_precondition',
    text: 'The aggregate has no compensation for one of the events, or the compensation does not lead back to the state before it.',
  },
  subscription_lease_lost: {
    code: 'aborted',
    text: 'Another instance runs the subscription now; the transaction must roll back.',
  },
  subscription_changed: {
    code: 'failed_precondition',
    text: 'The subscription began with another number of partitions. Give it a new name, or a new version.',
  },
  projection_behind: {
    code: 'deadline_exceeded',
    text: 'The projection did not reach the position in the time that the caller had.',
  },
  search_unavailable: { code: 'unavailable', text: 'The search engine did not answer, or not in time.' },
  search_refused: {
    code: 'failed_precondition',
    text: 'The search engine refused the request; the message has its answer.',
  },
  search_index_lost: {
    code: 'failed_precondition',
    text: 'The search engine does not have the version of the index that is written. It is built anew from the log.',
  },
  search_index_missing: {
    code: 'unavailable',
    text: 'The index is not there yet, or is built anew. Search again in a moment.',
  },
  search_invalid: {
    code: 'invalid_argument',
    text: 'The search asks for a field that the index does not have, or for more than it gives.',
  },
} as const satisfies ErrorTable;

/** Every `reason` of this package. */
export type EventStoreReason = keyof typeof eventStoreErrors;

export const eventStoreError = createErrorFactory(eventStoreErrors);
