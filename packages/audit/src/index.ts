export {
  type AuditFinding,
  type AuditLog,
  type AuditSearch,
  type AuditVerdict,
  createAuditLog,
} from './audit-log.ts';
export { type AuditOutcome, type AuditRecord, auditOutcomes, type NewAuditRecord } from './audit-record.ts';
export { auditErrors } from './errors.ts';
export type { Seal } from './seal.ts';
export { type AuditSealer, type AuditSealerOptions, createAuditSealer } from './sealer.ts';
