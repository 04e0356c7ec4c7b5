import type { Sql } from '@banyan/banyan';

interface Fetched {
  readonly text: string;
  /** How long it may be kept. */
  readonly validForMs: number;
}

/**
 * What a link leads to (access by reference): fetched when it is needed, kept for as long as its owner says, and fetched again after that.
 * Two readers at once may both fetch; the copy that is valid longer stays.
 */
export async function openEnclosure(
  sql: Sql,
  link: string,
  fetchFile: (fileId: string) => Promise<Fetched>,
): Promise<string> {
  const [kept] = await sql<{ text: string }>`
    select text from enclosure where link = ${link} and valid_until > clock_timestamp()`;
  if (kept !== undefined) return kept.text;
  const { text, validForMs } = await fetchFile(link.slice('/files/'.length));
  await sql`
    insert into enclosure (link, text, valid_until)
    values (${link}, ${text}, clock_timestamp() + ${validForMs} * interval '1 millisecond')
    on conflict (link) do update set text = excluded.text, valid_until = excluded.valid_until
    where enclosure.valid_until < excluded.valid_until`;
  return text;
}
