import { type Caller, ServiceError } from '@banyan/core';

/** How it ended: done, refused as the contract declares, failed, or not allowed in the first place. */
export const auditOutcomes = ['done', 'refused', 'failed', 'denied'] as const;
export type AuditOutcome = (typeof auditOutcomes)[number];

/** That somebody did something, or tried to. */
export interface AuditRecord {
  /** A UUIDv7. */
  readonly id: string;
  /** RFC 3339 UTC, with milliseconds. */
  readonly at: string;
  /** What was done: `cancelOrder`. At most 128 letters, digits, `.`, `-` and `_`. */
  readonly action: string;
  readonly outcome: AuditOutcome;
  /** Whose doing it was: the service that asked, and the end user on whose behalf. */
  readonly caller: { readonly service?: string; readonly user?: string };
  /** What it was done to, such as an order's id. At most 256 printable characters. */
  readonly subject?: string;
  /** 32 hexadecimal digits. */
  readonly traceId?: string;
  /** JSON of at most 16 KiB. It stays for ever, so no secrets and as little as possible about persons. */
  readonly details?: unknown;
}

/** The caller is missing where nobody could prove who calls. */
export type NewAuditRecord = Omit<AuditRecord, 'caller'> & { readonly caller: Partial<Caller> };

const maxDetailsBytes = 16_384;
const actionPattern = /^[A-Za-z][A-Za-z0-9._-]{0,127}$/;
const subjectPattern = /^\P{Cc}{1,256}$/u;

/**
 * The record as the text that is stored and hashed: members in one order, so that equal records are equal texts.
 * @throws ServiceError `invalid_argument` `invalid_audit_record`, naming what is wrong
 */
export function encodeRecord({
  id,
  at,
  action,
  outcome,
  caller,
  subject,
  traceId,
  details,
}: NewAuditRecord): string {
  if (!actionPattern.test(action)) throw invalid(`'${String(action)}' is no name of an action`);
  if (!auditOutcomes.includes(outcome)) throw invalid(`'${String(outcome)}' is no outcome`);
  if (
    subject !== undefined &&
    !(typeof subject === 'string' && subjectPattern.test(subject) && subject.isWellFormed())
  )
    throw invalid('the subject must have 1 to 256 printable characters');
  const who = { service: caller.service, user: caller.user?.id };
  if (details !== undefined) checkDetails(details);
  const text = JSON.stringify({ id, at, action, outcome, caller: who, subject, traceId, details });
  checkTexts(text);
  return text;
}

export function decodeRecord(text: string): AuditRecord {
  return JSON.parse(text) as AuditRecord;
}

function checkDetails(details: unknown): void {
  let text: string | undefined;
  try {
    text = JSON.stringify(details);
  } catch (cause) {
    throw invalid('the details are no JSON value', cause);
  }
  if (text === undefined) throw invalid('the details are no JSON value');
  if (Buffer.byteLength(text) > maxDetailsBytes)
    throw invalid(`the details have more than ${maxDetailsBytes} bytes`);
}

/** PostgreSQL's JSON cannot hold them, and the record is searched as such. Only what is escaped can be one. */
function checkTexts(record: string): void {
  if (!/\\u(?:0000|d[89a-f])/.test(record)) return;
  const check = (text: string) => {
    if (text.includes('\0')) throw invalid('the record holds a NUL');
    if (!text.isWellFormed()) throw invalid('the record holds half a surrogate pair');
  };
  JSON.parse(record, (name, value: unknown) => {
    check(name);
    if (typeof value === 'string') check(value);
    return value;
  });
}

function invalid(why: string, cause?: unknown): ServiceError {
  return new ServiceError(`This cannot be put on record: ${why}.`, {
    code: 'invalid_argument',
    reason: 'invalid_audit_record',
    cause,
  });
}
