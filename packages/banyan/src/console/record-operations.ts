import { type AuditRecord, createAuditLog } from '@banyan/audit';
import type { Service } from '@banyan/chassis';
import { describeConfig } from '@banyan/config';
import type { OperationsHandlers } from '@banyan/console-api';
import { systemClock } from '@banyan/core';
import { scrubText } from '@banyan/telemetry';
import { environmentVariables } from '../environment.ts';
import type { ServicePorts, SystemPorts } from '../service-ports.ts';
import type { Settings } from '../settings.ts';

export type RecordOperations = Pick<OperationsHandlers, 'getConfiguration' | 'listAudit'>;

interface Known {
  readonly openPorts: () => Promise<SystemPorts>;
  readonly services: readonly Service[];
  readonly settings: Settings;
  /** What the process was started with; what `settings.source` has beyond it came from `.env`. */
  readonly environment: Readonly<Record<string, string | undefined>>;
}

/** Policies and traffic rules are changed in the platform's own database. */
const ofPlatform = 'banyan';

type AuditedDeed = Awaited<ReturnType<RecordOperations['listAudit']>>['records'][number];

/** What is on record: configuration in force, and who did what. */
export function createRecordOperations(known: Known): RecordOperations {
  return {
    async getConfiguration() {
      const ofServices = known.services.flatMap(({ name, config }) =>
        config === undefined
          ? []
          : describeConfig(name, config).map((row) => ({
              service: name,
              name: row.variable,
              isSecret: row.secret,
              default: row.default,
              summary: row.description ?? row.type,
            })),
      );
      const ofPlatform = environmentVariables.map((variable) => ({
        service: 'platform',
        name: variable.name,
        isSecret: variable.isSecret === true,
        default: variable.default,
        summary: variable.summary,
      }));
      return { settings: [...ofServices, ...ofPlatform].map((row) => settingOf(row, known)) };
    },
    async listAudit({ service, user, subject, action, from, to, limit = 200 }) {
      const ports = await known.openPorts();
      const names = service === undefined ? [ofPlatform, ...ports.names] : [service];
      const search = {
        limit,
        ...(user && { user }),
        ...(subject && { subject }),
        ...(action && { action }),
        ...(from && { since: from }),
        ...(to && { until: to }),
      };
      const found = await Promise.all(
        names.map(async (name) => {
          if (name === ofPlatform) return deedsOf(name, await ports.audit.list(search));
          const open = await ports.open(name);
          const log = createAuditLog({ database: open.database, clock: systemClock });
          return [...deedsOf(name, await log.list(search)), ...(await operatorsDeeds(name, open, limit))];
        }),
      );
      const isAsked = ({ at, by, subject: about, action: did }: AuditedDeed) =>
        (user === undefined || by === user) &&
        (subject === undefined || about === subject) &&
        (action === undefined || did === action) &&
        (from === undefined || at >= from) &&
        (to === undefined || at < to);
      return {
        records: found
          .flat()
          .filter(isAsked)
          .toSorted((a, b) => (a.at < b.at ? 1 : -1))
          .slice(0, limit),
      };
    },
  };
}

function deedsOf(service: string, records: readonly AuditRecord[]): readonly AuditedDeed[] {
  return records.map(({ at, action, outcome, caller, subject, traceId, details }) => ({
    at,
    service,
    action,
    outcome,
    by: caller.user ?? caller.service ?? 'nobody known',
    ...(subject === undefined ? undefined : { subject }),
    ...(traceId === undefined ? undefined : { traceId }),
    ...(details === undefined ? undefined : { details: details as never }),
  }));
}

/** What operators did to dead letters and sagas stands beside these, in the same database. */
async function operatorsDeeds(
  service: string,
  { inbox, sagas }: ServicePorts,
  limit: number,
): Promise<readonly AuditedDeed[]> {
  const [events, ofSagas] = await Promise.all([inbox.audit(limit), sagas.audit(limit)]);
  return [
    ...events.map(({ at, by, action, subject }) => ({
      at,
      service,
      action: `events.${action}`,
      outcome: 'done',
      by,
      subject,
    })),
    ...ofSagas.map(({ at, actor, action, sagaId }) => ({
      at,
      service,
      action: `saga.${action}`,
      outcome: 'done',
      by: actor,
      subject: sagaId,
    })),
  ];
}

interface Row {
  readonly service: string;
  readonly name: string;
  readonly isSecret: boolean;
  readonly default: string | undefined;
  readonly summary: string;
}

function settingOf(row: Row, { settings, environment }: Known) {
  const { service, name, isSecret, summary } = row;
  const given = settings.source[name] || undefined;
  const value = given ?? row.default;
  return {
    service,
    name,
    isSecret,
    ...(isSecret || value === undefined ? undefined : { value: scrubText(value) }),
    source:
      given === undefined ? (row.default === undefined ? 'not set' : 'default') : sourceOf(name, environment),
    summary,
  };
}

function sourceOf(name: string, environment: Known['environment']): string {
  return environment[name] ? 'environment' : '.env';
}
