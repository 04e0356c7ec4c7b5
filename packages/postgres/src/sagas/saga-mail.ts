import type { Sql } from '@banyan/core';
import type { Letter, MailBounds, Posted } from '@banyan/saga';

const unbounded: MailBounds = { letters: 2_147_483_647, bytes: 2_147_483_647 };

interface Found {
  readonly isOpen: boolean;
  readonly isFull: boolean;
  /** What was read takes room as well, until it has to make some. */
  readonly isLarge: boolean;
  readonly saga: string;
}

/** Leaves a letter; see `SagaStore.post`. */
export async function postLetter(
  sql: Sql,
  id: string,
  letter: Letter,
  bounds: MailBounds = unbounded,
): Promise<Posted> {
  const text = toText(letter);
  const key = letter.kind === 'signal' ? letter.key : undefined;
  const marked = key === undefined ? null : `\n{"key":${JSON.stringify(key)},`;
  const [row] = await sql<Found>`
    update banyan.saga set
      mail = case when is_new and not is_full and not is_large then concat_ws(',', mail, ${text}::text) else mail end,
      mail_count = mail_count + (is_new and not is_full and not is_large)::int4,
      ready_at = case when is_open and owner is null and status <> 'stuck' then clock_timestamp() else ready_at end
    from (
      select id, is_open, is_new,
        is_new and mail_count >= ${bounds.letters}::int4 and mail_count - json_array_length(state -> 'read') >= ${bounds.letters}::int4 as is_full,
        is_new and coalesce(octet_length(mail), 0) + octet_length(${text}::text) > ${bounds.bytes}::int4 as is_large
      from (
        select id, mail, mail_count, state, status not in ('completed', 'compensated', 'failed') as is_open,
          status not in ('completed', 'compensated', 'failed') and (${marked}::text is null or strpos(coalesce(mail, ''), ${marked}::text) = 0) as is_new
        from banyan.saga where id = ${id}::uuid for update
      ) as locked
    ) as found
    where saga.id = found.id
    returning is_open, is_full, is_large, concat(name, '@', version) as saga`;
  if (row === undefined) return { state: 'unknown' };
  const { isOpen, isFull, isLarge, saga } = row;
  if (isFull || (isLarge && !(await makeRoom(sql, id, bounds.bytes - Buffer.byteLength(text))))) {
    return { state: 'full', saga };
  }
  if (isLarge) return postLetter(sql, id, letter);
  return { state: isOpen ? 'posted' : 'ended', saga };
}

/** Drops what letters that were read say, in a row that is locked. They keep their places, which the state counts, and keys. False if it is not enough. */
async function makeRoom(sql: Sql, id: string, bytes: number): Promise<boolean> {
  const [row] = await sql<{ mail: string | null; read: number[] }>`
    select mail, state -> 'read' as read from banyan.saga where id = ${id}::uuid`;
  const read = new Set(row?.read);
  const mail = parseMail(row?.mail ?? null)
    .map((letter, at) => toText(read.has(at) ? emptied(letter) : letter))
    .join(',');
  if (Buffer.byteLength(mail) > bytes) return false;
  await sql`update banyan.saga set mail = ${mail || null}::text where id = ${id}::uuid`;
  return true;
}

function emptied(letter: Letter): Letter {
  if (letter.kind === 'signal') return { ...letter, data: null };
  if (letter.kind === 'reply') return { ...letter, reply: undefined };
  if (letter.kind === 'cancel') return letter;
  const { kind, step, child, status } = letter;
  return { kind, step, child, status };
}

/** A line break stands in no JSON text, so that no data of a letter can look like the beginning of one. */
function toText(letter: Letter): string {
  return letter.kind === 'signal' && letter.key !== undefined
    ? `\n${JSON.stringify({ key: letter.key, ...letter })}`
    : JSON.stringify(letter);
}

/** Letters in the order in which they came, of the column `mail`. */
export function parseMail(mail: string | null): readonly Letter[] {
  return mail === null ? [] : (JSON.parse(`[${mail}]`) as Letter[]);
}
