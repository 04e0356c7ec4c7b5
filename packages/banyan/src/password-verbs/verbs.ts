import { join } from 'node:path';
import { operateBeside } from '@banyan/chassis';
import { readAllConfig } from '@banyan/config';
import { systemClock } from '@banyan/core';
import { actor, type VerbInput, wrong } from '../event-verbs/verb.ts';
import { createCommandLogger } from '../run-logger.ts';
import { renderTable } from '../table.ts';

/** The service that keeps passwords, as in `@banyan/identity`; a system may have one of its own with the same operations. */
const keeper = 'passwords';

interface Answers {
  readonly checkIntegrity: {
    readonly checked: number;
    readonly damaged: readonly string[];
    readonly missing: readonly string[];
  };
  readonly backUp: { readonly backupId: string; readonly records: number };
  readonly listBackups: {
    readonly backups: readonly { readonly backupId: string; readonly bytes: number }[];
  };
  readonly repair: { readonly repaired: readonly string[]; readonly needRecovery: readonly string[] };
  readonly restore: { readonly restored: number };
}

/** `banyan passwords check`: reads every record. Ends with 1 if any was changed by somebody else, or is gone. */
export async function check(input: VerbInput): Promise<number> {
  const report = await operate(input, 'checkIntegrity');
  const { checked, damaged, missing } = report;
  show(input, report, [
    `${checked} records checked: ${damaged.length} damaged, ${missing.length} missing.`,
    ...accounts('damaged', damaged),
    ...accounts('missing', missing),
  ]);
  return damaged.length + missing.length === 0 ? 0 : 1;
}

/** `banyan passwords backup`: writes a new back-up, and says its id. */
export async function backup(input: VerbInput): Promise<number> {
  const written = await operate(input, 'backUp');
  show(input, written, [`${written.records} records in back-up ${written.backupId}.`]);
  return 0;
}

/** `banyan passwords ls`: the back-ups, newest first. */
export async function ls(input: VerbInput): Promise<number> {
  const { backups } = await operate(input, 'listBackups');
  const rows = backups.map(({ backupId, bytes }) => [backupId, String(bytes)]);
  const table =
    rows.length === 0 ? 'There are no back-ups.' : renderTable(['back-up', 'bytes'], rows).trimEnd();
  show(input, backups, [table]);
  return 0;
}

/** `banyan passwords repair`: puts back what is damaged or missing. Ends with 1 if owners have to reset their passwords. */
export async function repair(input: VerbInput): Promise<number> {
  const report = await operate(input, 'repair');
  const { repaired, needRecovery } = report;
  show(input, report, [
    `${repaired.length} records repaired, ${needRecovery.length} cannot be: their owners have to reset their passwords.`,
    ...accounts('repaired', repaired),
    ...accounts('needs a reset', needRecovery),
  ]);
  return needRecovery.length === 0 ? 0 : 1;
}

/** `banyan passwords restore BACKUP`: puts every record of a back-up back, after asking. */
export async function restore(input: VerbInput): Promise<number> {
  const [backupId] = input.words;
  if (backupId === undefined)
    throw wrong("Name a back-up: banyan passwords restore BACKUP. 'banyan passwords ls' lists them.");
  const isSure =
    input.options['yes'] === true ||
    (await input.terminal.confirm(
      'Every record of the back-up replaces what is stored now, also passwords that were changed since. Go on?',
    ));
  if (!isSure) {
    input.terminal.write("Nothing was restored. Answer 'y', or use '--yes'.\n");
    return 1;
  }
  const answer = await operate(input, 'restore', { backupId });
  show(input, answer, [`${answer.restored} records restored.`]);
  return 0;
}

async function operate<Name extends keyof Answers>(
  input: VerbInput,
  name: Name,
  given: object = {},
): Promise<Answers[Name]> {
  const { ports, terminal } = input;
  const { service, database } = await ports.open(keeper);
  if (!Object.hasOwn(service.contract.operations, name))
    throw wrong(`The service '${keeper}' of this system has no operation '${name}'.`);
  const config = readAllConfig([service], ports.source).get(service.name);
  terminal.changeDirectory(ports.directory);
  const answer = await operateBeside(
    {
      service,
      database,
      config,
      dataFolder: join(ports.filesFolder, service.name),
      by: actor(input),
      clock: systemClock,
      logger: createCommandLogger(terminal),
    },
    name,
    given,
  );
  // As its contract says.
  return answer as Answers[Name];
}

function show({ options, terminal }: VerbInput, answer: unknown, lines: readonly string[]): void {
  terminal.write(options['json'] === true ? `${JSON.stringify(answer, null, 2)}\n` : `${lines.join('\n')}\n`);
}

function accounts(what: string, ids: readonly string[]): readonly string[] {
  return ids.map((id) => `${what}: ${id}`);
}
