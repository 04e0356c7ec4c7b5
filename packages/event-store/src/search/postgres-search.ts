import type { Sql, SqlFragment } from '@banyan/core';
import { checkRequest, wordsOf } from './check-request.ts';
import type {
  IndexVersion,
  SearchDocument,
  SearchEngine,
  SearchRequest,
  SearchResult,
} from './search-index.ts';

interface Row {
  readonly id: string;
  readonly revision: number;
  readonly content: Record<string, string> | null;
}

/** PostgreSQL's full text search as the search engine: the default, with nothing else to run. Words are matched as they are, without stemming. */
export function createPostgresSearch(database: { readonly sql: Sql }): SearchEngine {
  return new PostgresSearch(database.sql);
}

class PostgresSearch implements SearchEngine {
  readonly #sql: Sql;

  constructor(sql: Sql) {
    this.#sql = sql;
  }

  async has({ name, version }: IndexVersion): Promise<boolean> {
    const [row] = await this.#sql<{ has: boolean }>`
      select exists (select from banyan.search_live where name = ${name} and version = ${version})
        or exists (select from banyan.search_document where name = ${name} and version = ${version}) as has`;
    return row?.has ?? false;
  }

  async prepare({ name, version }: IndexVersion): Promise<void> {
    const sql = this.#sql;
    await sql`
      insert into banyan.search_live (name, version) values (${name}, ${version}) on conflict do nothing`;
  }

  async get(
    { name, version }: IndexVersion,
    ids: readonly string[],
  ): Promise<ReadonlyMap<string, SearchDocument>> {
    const rows = await this.#sql<Row>`
      select id, revision, content from banyan.search_document
      where name = ${name} and version = ${version} and id = any(${this.#sql.array(ids, 'text')})`;
    return new Map(
      rows.map(({ id, revision, content }) => [id, { id, revision, values: content ?? undefined }]),
    );
  }

  async put(index: IndexVersion, documents: readonly SearchDocument[]): Promise<void> {
    const sql = this.#sql;
    const { name, version, fields } = index;
    const texts = (pick: (document: SearchDocument) => string) => sql.array(documents.map(pick), 'text');
    const wordsIn = ({ values = {} }: SearchDocument) =>
      Object.entries(values).flatMap(([field, value]) =>
        fields[field] === 'text' ? wordsOf(value ?? '') : [],
      );
    await sql`
      insert into banyan.search_document as d (name, version, id, revision, content, words)
      select ${name}, ${version}, n.id, n.revision, nullif(n.content, '')::json, array_to_tsvector(coalesce(array(
        select distinct w.word from regexp_split_to_table(n.words, ' ') as w (word) where w.word <> ''
      ), '{}'))
      from unnest(${texts(({ id }) => id)}, ${sql.array(
        documents.map(({ revision }) => revision),
        'int8',
      )}, ${texts(({ values }) => (values === undefined ? '' : JSON.stringify(values)))}, ${texts((each) => wordsIn(each).join(' '))})
        as n (id, revision, content, words)
      on conflict (name, version, id) do update set revision = excluded.revision, content = excluded.content, words = excluded.words
      where d.revision <= excluded.revision`;
  }

  async refresh(): Promise<void> {}

  async switchTo({ name, version }: IndexVersion): Promise<void> {
    await this.#sql`update banyan.search_live set version = ${version} where name = ${name}`;
  }

  async liveVersion(name: string): Promise<number | undefined> {
    const [row] = await this.#sql<{
      version: number;
    }>`select version from banyan.search_live where name = ${name}`;
    return row?.version;
  }

  async search(index: IndexVersion, request: SearchRequest): Promise<SearchResult> {
    const sql = this.#sql;
    const { words, where, limit, offset } = checkRequest(index, request);
    let condition: SqlFragment = sql`d.content is not null`;
    // Words are letters and digits only, so they need no quoting in a tsquery.
    const query = words.join(' & ');
    if (words.length > 0) condition = sql`${condition} and d.words @@ ${query}::tsquery`;
    for (const [field, value] of where) condition = sql`${condition} and d.content ->> ${field} = ${value}`;
    const rows = await sql<Row & { total: number }>`
      select d.id, d.revision, d.content, count(*) over () as total
      from banyan.search_document as d join banyan.search_live as l on l.name = d.name and l.version = d.version
      where d.name = ${index.name} and ${condition}
      order by d.id limit ${limit} offset ${offset}`;
    const hits = rows.map(({ id, revision, content }) => ({ id, revision, values: content ?? {} }));
    return { total: rows[0]?.total ?? 0, hits };
  }

  async remove({ name, version }: IndexVersion): Promise<void> {
    const sql = this.#sql;
    await sql`
      delete from banyan.search_document as d where name = ${name} and version = ${version}
        and not exists (select from banyan.search_live as l where l.name = d.name and l.version = d.version)`;
  }
}
