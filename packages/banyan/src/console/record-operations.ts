import { type AuditRecord, createAuditLog } from '@banyan/audit';
import type { Service } from '@banyan/chassis';
import { describeConfig } from '@banyan/config';
import type { OperationsHandlers } from '@banyan/console-api';
import { systemClock } from '@banyan/core';
import { scrubText } from '@banyan/telemetry';
import { askServices } from '../ask-services.ts';
import { environmentVariables } from '../environment.ts';
import type { SystemPorts } from '../service-ports.ts';
import type { Settings } from '../settings.ts';
import { listOperatorsDeeds } from './operators-deeds.ts';

export type RecordOperations = Pick<OperationsHandlers, 'getConfiguration' | 'listAudit'>;

interface Known {
  readonly openPorts: () => Promise<SystemPorts>;
  readonly services: readonly Service[];
  readonly settings: Settings;
  /** What the process was started with; what `settings.source` has beyond it came from `.env`. */
  readonly environment: Readonly<Record<string, string | undefined>>;
}

/** Policies and traffic rules are changed, and what is done from the console is recorded, in the platform's own database. */
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
      const asked = { named: service === undefined ? [] : [service], all: [ofPlatform, ...ports.names] };
      const search = {
        limit,
        ...(user && { user }),
        ...(subject && { subject }),
        ...(action && { action }),
        ...(from && { since: utc(from) }),
        ...(to && { until: utc(to) }),
      };
      const { answers, leftOut } = await askServices(asked, async (name) => {
        if (name === ofPlatform) return deedsOf(name, await ports.audit.list(search));
        const { database } = await ports.open(name);
        const [records, deeds] = await Promise.all([
          createAuditLog({ database, clock: systemClock }).list(search),
          listOperatorsDeeds(database.sql, search),
        ]);
        return [
          ...deedsOf(name, records),
          ...deeds.map((deed) => ({ ...deed, service: name, outcome: 'done' })),
        ];
      });
      return {
        records: answers.toSorted((a, b) => Date.parse(b.at) - Date.parse(a.at)).slice(0, limit),
        leftOut: [...leftOut],
      };
    },
  };
}

/** In the form of the records, which compare as texts. */
function utc(time: string): string {
  return new Date(time).toISOString();
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
      given === undefined
        ? row.default === undefined
          ? 'not set'
          : 'default'
        : sourceOf(name, { settings, environment }),
    summary,
  };
}

function sourceOf(name: string, { settings, environment }: Pick<Known, 'settings' | 'environment'>): string {
  if (settings.fromConsole.includes(name)) return 'console';
  return environment[name] ? 'environment' : '.env';
}
