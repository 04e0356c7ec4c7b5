import type { ErrorTable } from '@banyan/core';

export const auditErrors = {
  invalid_audit_record: {
    code: 'invalid_argument',
    text: 'A record for the audit log has no valid action or subject, or details that are no JSON of at most 16 KiB.',
  },
} as const satisfies ErrorTable;
