import type { AuditLog, AuditOutcome } from '@banyan/audit';
import type { Asker } from '@banyan/console-api';
import { type Clock, isServiceError, type Logger, uuidv7 } from '@banyan/core';

export interface RecordingOptions {
  /** Whose name stands on record for what is done without a sign-in; undefined where everybody signs in. */
  readonly operator: string | undefined;
  /** Of the platform. */
  readonly openAudit: () => Promise<AuditLog>;
  readonly clock: Clock;
  readonly logger: Logger;
}

type Handler = (input: never, asker: Asker) => Promise<unknown>;

/** What it is done to, by operation. What is done to dead letters and sagas their stores put on record themselves. */
const subjects: Readonly<Record<string, (input: Readonly<Record<string, string>>) => string | undefined>> = {
  controlService: ({ service }) => service,
  changeError: ({ groupId }) => groupId,
  setObjective: ({ objectiveId }) => objectiveId,
  removeObjective: ({ objectiveId }) => objectiveId,
  setErrorRule: ({ ruleId }) => ruleId,
  removeErrorRule: ({ ruleId }) => ruleId,
  tryOperation: ({ service, operation }) => `${service}.${operation}`,
};

/** What was tried may say anything, and has a token. */
const withoutDetails: ReadonlySet<string> = new Set(['tryOperation']);

/**
 * The same handlers, which put on record who did what, also what was refused. Without a sign-in whoever runs the system is known
 * by name, as for the verbs. A deed that cannot be put on record is done nevertheless, and the log says so: processes can be controlled without a database.
 */
export function withDeedsOnRecord<Handlers extends object>(
  handlers: Handlers,
  options: RecordingOptions,
): Handlers {
  const recorded = Object.entries(handlers as Readonly<Record<string, Handler>>).map(([name, handle]) => [
    name,
    async (input: never, asker: Asker) => {
      const { operator } = options;
      const named = operator === undefined ? asker : { ...asker, by: operator };
      const subjectOf = Object.hasOwn(subjects, name) ? subjects[name] : undefined;
      if (subjectOf === undefined) return handle(input, named);
      const deed = {
        action: name,
        subject: subjectOf(input),
        details: withoutDetails.has(name) ? {} : input,
        by: named.by,
      };
      try {
        const answer = await handle(input, named);
        await record({ ...deed, outcome: 'done' }, options);
        return answer;
      } catch (error) {
        await record({ ...deed, outcome: isServiceError(error) ? 'refused' : 'failed' }, options);
        throw error;
      }
    },
  ]);
  return Object.fromEntries(recorded) as Handlers;
}

interface Deed {
  readonly action: string;
  readonly outcome: AuditOutcome;
  readonly subject: string | undefined;
  readonly details: unknown;
  readonly by: string;
}

async function record(deed: Deed, { openAudit, clock, logger }: RecordingOptions): Promise<void> {
  const { by, subject, ...did } = deed;
  try {
    const audit = await openAudit();
    const at = new Date(clock.nowMs()).toISOString();
    const caller = { user: { id: by, scopes: [] } };
    await audit.record([
      { id: uuidv7(), at, ...did, caller, ...(subject === undefined ? undefined : { subject }) },
    ]);
    await audit.seal();
  } catch (error) {
    logger.error('what an operator did could not be put on record, or not be sealed', {
      ...did,
      subject,
      by,
      error,
    });
  }
}
