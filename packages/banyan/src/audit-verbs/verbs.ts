import {
  type AuditLog,
  type AuditOutcome,
  type AuditVerdict,
  auditOutcomes,
  createAuditLog,
} from '@banyan/audit';
import { systemClock } from '@banyan/core';
import { askServices, sayLeftOut } from '../ask-services.ts';
import { limitOf, parseTime, type VerbInput, wrong } from '../event-verbs/verb.ts';
import { renderTable } from '../table.ts';

/** `banyan audit ls [NAME…]`: newest first, of these services or of all; `banyan` is what operators have changed. */
export async function ls(input: VerbInput): Promise<number> {
  const { user, subject, action, outcome, since, until, json } = input.options;
  if (outcome !== undefined && !auditOutcomes.includes(outcome as AuditOutcome)) {
    throw wrong(`--outcome is one of ${auditOutcomes.join(', ')}.`);
  }
  const limit = limitOf(input);
  const search = {
    limit,
    ...(typeof user === 'string' && { user }),
    ...(typeof subject === 'string' && { subject }),
    ...(typeof action === 'string' && { action }),
    ...(typeof outcome === 'string' && { outcome: outcome as AuditOutcome }),
    ...(typeof since === 'string' && { since: parseTime('--since', since, Date.now()) }),
    ...(typeof until === 'string' && { until: parseTime('--until', until, Date.now()) }),
  };
  const asked = { named: input.words, all: [ofPlatform, ...input.ports.names] };
  const { answers, leftOut } = await askServices(asked, async (of) =>
    (await (await logOf(input, of)).list(search)).map((record) => ({ of, ...record })),
  );
  const records = answers.toSorted((a, b) => (a.at < b.at ? 1 : -1)).slice(0, limit);
  if (json === true) input.terminal.write(`${JSON.stringify(records, null, 2)}\n`);
  else if (records.length === 0) input.terminal.write('Nothing is on record.\n');
  else {
    const rows = records.map(({ of, at, caller, action, outcome, subject }) => [
      at,
      of,
      caller.user ?? caller.service ?? '–',
      action,
      outcome,
      subject ?? '',
    ]);
    input.terminal.write(renderTable(['at', 'service', 'by', 'action', 'outcome', 'subject'], rows));
  }
  if (leftOut.length > 0) input.terminal.fail(sayLeftOut(leftOut));
  return leftOut.length === 0 ? 0 : 1;
}

/** `banyan audit verify [NAME…]`: reads everything again. Ends with 1 if anything does not fit. */
export async function verify(input: VerbInput): Promise<number> {
  const { head, json } = input.options;
  const logs = await logsOf(input);
  if (head !== undefined && logs.length !== 1) throw wrong('--head is for one service: name it.');
  const expected = typeof head === 'string' ? parseHead(head) : undefined;
  const verdicts: ({ readonly of: string } & AuditVerdict)[] = [];
  for (const { of, log } of logs) verdicts.push({ of, ...(await log.verify(expected)) });
  if (json === true) input.terminal.write(`${JSON.stringify(verdicts, null, 2)}\n`);
  else {
    const rows = verdicts.map(({ of, records, unsealed, findings, head: { number, hash } }) => [
      of,
      String(records),
      String(unsealed),
      findings.length === 0 ? 'whole' : 'BROKEN',
      number === 0 ? '–' : `${number}:${hash}`,
    ]);
    input.terminal.write(renderTable(['service', 'records', 'not sealed yet', 'chain', 'head'], rows));
    for (const { of, findings } of verdicts) {
      for (const { seal, problem } of findings) {
        input.terminal.write(`${of}: ${seal === undefined ? '' : `seal ${seal}: `}${problem}\n`);
      }
    }
  }
  return verdicts.every(({ findings }) => findings.length === 0) ? 0 : 1;
}

/** What operators change while the system runs is on record in the platform's own database. */
const ofPlatform = 'banyan';

async function logsOf(input: VerbInput) {
  const names = input.words.length === 0 ? [ofPlatform, ...input.ports.names] : input.words;
  return Promise.all(names.map(async (of) => ({ of, log: await logOf(input, of) })));
}

async function logOf({ ports }: VerbInput, of: string): Promise<AuditLog> {
  if (of === ofPlatform && !ports.names.includes(of)) return ports.audit;
  const { database } = await ports.open(of);
  return createAuditLog({ database, clock: systemClock });
}

/** `17:0f3a…`, as `verify` prints it. */
function parseHead(text: string): AuditVerdict['head'] {
  const [, number, hash] = /^(\d{1,15}):([0-9a-f]{64})$/.exec(text) ?? [];
  if (number === undefined || hash === undefined)
    throw wrong(`--head takes NUMBER:HASH, as verify prints it, not '${text}'.`);
  return { number: Number(number), hash };
}
