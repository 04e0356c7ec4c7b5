import type { Sql } from '@banyan/core';
import type { Letter, Mail, MailBounds, Posted } from '@banyan/saga';

const unbounded: MailBounds = { letters: 2_147_483_647, bytes: 2_147_483_647 };

interface Found {
  readonly isOpen: boolean;
  readonly isFull: boolean;
  readonly isUnclear: boolean;
  readonly saga: string;
}

/**
 * Leaves a letter; see `SagaStore.post`. The mail of a saga is one text, in which the state counts letters by their places. One statement looks at it without
 * taking it apart, and appends the letter. It leaves that to {@link sortIn} where the text does not say enough: it is long, perhaps of letters that were
 * read, or has the key in the form of an older version, which data can have as well. The row stays locked from the one to the other.
 */
export async function postLetter(
  sql: Sql,
  id: string,
  letter: Letter,
  bounds: MailBounds = unbounded,
): Promise<Posted> {
  const text = toText(letter);
  const key = keyOf(letter);
  const marked = key === undefined ? null : `\n{"key":${JSON.stringify(key)},`;
  const markedBefore = key === undefined ? null : `"key":${JSON.stringify(key)}}`;
  const [row] = await sql<Found>`
    update banyan.saga set
      mail = case when is_new and not is_full and not is_unclear then concat_ws(',', mail, ${text}::text) else mail end,
      mail_count = mail_count + (is_new and not is_full and not is_unclear)::int4,
      ready_at = case when is_open and owner is null and status <> 'stuck' then clock_timestamp() else ready_at end
    from (
      select id, is_open, is_new, is_new and is_odd as is_unclear,
        is_new and not is_odd and mail_count >= ${bounds.letters}::int4
          and mail_count - json_array_length(state -> 'read') >= ${bounds.letters}::int4 as is_full
      from (
        select id, mail_count, state, status not in ('completed', 'compensated', 'failed') as is_open,
          status not in ('completed', 'compensated', 'failed')
            and coalesce(strpos(coalesce(mail, ''), ${marked}::text), 0) = 0 as is_new,
          coalesce(octet_length(mail), 0) + octet_length(${text}::text) > ${bounds.bytes}::int4
            or coalesce(strpos(mail, ${markedBefore}::text), 0) > 0 as is_odd
        from banyan.saga where id = ${id}::uuid for update
      ) as locked
    ) as found
    where saga.id = found.id
    returning is_open, is_full, is_unclear, concat(name, '@', version) as saga`;
  if (row === undefined) return { state: 'unknown' };
  const { isOpen, isFull, isUnclear, saga } = row;
  if (isFull || (isUnclear && !(await sortIn(sql, id, letter, bounds)))) return { state: 'full', saga };
  return { state: isOpen ? 'posted' : 'ended', saga };
}

/**
 * Leaves a letter, unless its key is there, by taking the mail apart. What was read counts for nothing: of it remain the places, and the keys. False if the
 * letter exceeds the bounds.
 */
async function sortIn(sql: Sql, id: string, letter: Letter, bounds: MailBounds): Promise<boolean> {
  const [row] = await sql<{ mail: string | null; read: number[] }>`
    select mail, state -> 'read' as read from banyan.saga where id = ${id}::uuid for update`;
  const letters = parseMail(row?.mail ?? null);
  const key = keyOf(letter);
  if (key !== undefined && letters.some((each) => keyOf(each) === key)) return true;
  const read = new Set(row?.read);
  const isUnread = (_: unknown, at: number) => !read.has(at);
  const texts = letters.map((each, at) => toText(isUnread(each, at) ? each : emptied(each)));
  const text = toText(letter);
  const unread = texts.filter(isUnread);
  if (unread.length >= bounds.letters) return false;
  if (Buffer.byteLength([...unread, text].join(',')) > bounds.bytes) return false;
  await sql`
    update banyan.saga set mail = ${[...texts, text].join(',')}, mail_count = mail_count + 1 where id = ${id}::uuid`;
  return true;
}

function keyOf(letter: Mail[number]): string | undefined {
  return letter.kind === 'read' || letter.kind === 'signal' ? letter.key : undefined;
}

function emptied(letter: Mail[number]): Mail[number] {
  const key = keyOf(letter);
  return { kind: 'read', ...(key !== undefined && { key }) };
}

/** A line break stands in no JSON text, so that no data of a letter can look like the beginning of one. */
function toText(letter: Mail[number]): string {
  const key = keyOf(letter);
  return key === undefined ? JSON.stringify(letter) : `\n${JSON.stringify({ key, ...letter })}`;
}

/** Letters in the order in which they came, of the column `mail`. */
export function parseMail(mail: string | null): Mail {
  return mail === null ? [] : (JSON.parse(`[${mail}]`) as Mail);
}
