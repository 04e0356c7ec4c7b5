import { ServiceError } from '@banyan/core';
import {
  type CloudEvent,
  type DeadLetter,
  type DeadLetterChoice,
  type Inbox,
  parseEvent,
} from '@banyan/events';
import { renderTable } from '../table.ts';
import { actor, limitOf, readJson, serviceNamed, type VerbInput, wrong } from './verb.ts';

/** `banyan events dead NAME`: the dead letters of a service, longest dead first; and what the log refused of its own events. */
export async function dead(input: VerbInput): Promise<number> {
  const { inbox, outbox } = await input.ports.open(serviceNamed(input, 'dead'));
  const limit = limitOf(input);
  const [letters, refused] = await Promise.all([inbox.deadLetters(limit), outbox.deadLetters(limit)]);
  if (input.options['json'] === true) {
    input.terminal.write(`${JSON.stringify({ received: letters, refused }, null, 2)}\n`);
    return 0;
  }
  if (letters.length + refused.length === 0) {
    input.terminal.write('No dead letters.\n');
    return 0;
  }
  const rows = letters.map((letter) => [
    letter.id,
    letter.topic ?? '?',
    letter.key ?? '–',
    letter.deadAt,
    String(letter.attempts),
    String(letter.waiting),
    firstLine(letter.reason),
  ]);
  if (rows.length > 0)
    input.terminal.write(renderTable(['id', 'topic', 'key', 'since', 'tries', 'waiting', 'reason'], rows));
  const own = refused.map(({ event, deadAt, reason }) => [
    event.id,
    event.topic,
    event.key,
    deadAt,
    firstLine(reason),
  ]);
  if (own.length > 0)
    input.terminal.write(
      `\nRefused by the log:\n${renderTable(['id', 'topic', 'key', 'since', 'reason'], own)}`,
    );
  return 0;
}

/** `banyan events show NAME ID`: one dead letter with data, reason and stack, as JSON. */
export async function show(input: VerbInput): Promise<number> {
  const letter = await find(input, 'show');
  input.terminal.write(`${JSON.stringify(letter, null, 2)}\n`);
  return 0;
}

/** `banyan events retry NAME ID…|--all`. */
export async function retry(input: VerbInput): Promise<number> {
  const letters = await lettersNamed(input, 'retry');
  const { inbox } = await input.ports.open(serviceNamed(input, 'retry'));
  if (letters === 'all') return retryAll(inbox, input);
  const malformed = letters.find(({ event }) => event === undefined);
  if (malformed !== undefined)
    throw wrong(`${malformed.id} is no event: give it a whole one with 'banyan events edit', or discard it.`);
  const count = await inbox.retryDeadLetters(idsOf(letters), actor(input));
  input.terminal.write(`${count} delivered again.\n`);
  return count === letters.length ? 0 : 1;
}

async function retryAll(inbox: Inbox, input: VerbInput): Promise<number> {
  const { asked: before, chosen } = await allOf(inbox);
  const count = await inbox.retryDeadLetters(chosen, actor(input));
  input.terminal.write(`${count} delivered again.\n`);
  if (before > count)
    input.terminal.write(
      `${before - count} left: no events. Give them whole ones with 'banyan events edit', or discard them.\n`,
    );
  return 0;
}

/** `banyan events discard NAME ID…|--all`. */
export async function discard(input: VerbInput): Promise<number> {
  const letters = await lettersNamed(input, 'discard');
  const { inbox } = await input.ports.open(serviceNamed(input, 'discard'));
  const { asked, chosen } =
    letters === 'all' ? await allOf(inbox) : { asked: letters.length, chosen: idsOf(letters) };
  const isSure =
    asked === 0 ||
    input.options['yes'] === true ||
    (await input.terminal.confirm(
      `Dead letters to give up: ${asked}. Their effects will never happen. Go on?`,
    ));
  if (!isSure) {
    input.terminal.write("Nothing was discarded. Answer 'y', or use '--yes'.\n");
    return 1;
  }
  const count = await inbox.discardDeadLetters(chosen, actor(input));
  input.terminal.write(`${count} discarded.\n`);
  return letters === 'all' || count === letters.length ? 0 : 1;
}

/** All that are dead by now; what dies later is not among them. */
async function allOf(inbox: Inbox): Promise<{ readonly asked: number; readonly chosen: DeadLetterChoice }> {
  const { count, last } = await inbox.deadLetterTotal();
  return { asked: count, chosen: last === undefined ? [] : { through: last } };
}

/** `banyan events edit NAME ID --file FILE`: new data (or, for what was no event, a whole event), then delivered again. */
export async function edit(input: VerbInput): Promise<number> {
  const letter = await find(input, 'edit');
  const { inbox } = await input.ports.open(serviceNamed(input, 'edit'));
  const given = await readJson(input, 'the new data');
  const event: CloudEvent = letter.event === undefined ? parseEvent(given) : { ...letter.event, data: given };
  const isEdited = await inbox.editDeadLetter(letter.id, event, actor(input));
  input.terminal.write(isEdited ? '1 delivered again, with the new data.\n' : 'It is dead no longer.\n');
  return isEdited ? 0 : 1;
}

async function find(input: VerbInput, verb: string): Promise<DeadLetter> {
  const name = serviceNamed(input, verb);
  const [, id] = input.words;
  if (id === undefined) throw wrong(`Name a dead letter: banyan events ${verb} ${name} ID.`);
  const { inbox } = await input.ports.open(name);
  return deadLetter(inbox, name, id);
}

/** Those that are named, or none: an id that is unknown keeps the others from being touched. */
async function lettersNamed(input: VerbInput, verb: string): Promise<readonly DeadLetter[] | 'all'> {
  const name = serviceNamed(input, verb);
  const ids = input.words.slice(1);
  const isAll = input.options['all'] === true;
  if ((ids.length === 0) !== isAll)
    throw wrong(`Name dead letters, or use --all: banyan events ${verb} ${name} ID….`);
  if (isAll) return 'all';
  const { inbox } = await input.ports.open(name);
  return Promise.all([...new Set(ids)].map((id) => deadLetter(inbox, name, id)));
}

async function deadLetter(inbox: Inbox, name: string, id: string): Promise<DeadLetter> {
  const letter = await inbox.deadLetter(id);
  if (letter !== undefined) return letter;
  throw new ServiceError(`'${name}' has no dead letter '${id}'. See 'banyan events dead ${name}'.`, {
    code: 'not_found',
    reason: 'no_dead_letter',
  });
}

function idsOf(letters: readonly DeadLetter[]): readonly string[] {
  return letters.map(({ id }) => id);
}

function firstLine(text: string): string {
  const [line = ''] = text.split('\n');
  return line.length > 80 ? `${line.slice(0, 79)}…` : line;
}
