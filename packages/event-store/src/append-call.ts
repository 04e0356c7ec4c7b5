import { isServiceError, type Sql, type SqlFragment } from '@banyan/core';
import type { AppendMember } from './append-member.ts';
import { eventStoreError } from './errors.ts';
import type { Appended } from './event-store.ts';
import type { AnyQuery } from './stream-read.ts';

/** What the database said to one member: the codes of `banyan.append_events`. */
export interface Verdict {
  readonly verdict: number;
  readonly head: number | null;
  readonly lastPosition: number | null;
}

export const busyVerdict = 2;

interface EncodedCondition {
  readonly query: AnyQuery;
  readonly seen: string;
  readonly after: string;
}

interface CallOptions {
  /** Whether to wait for streams and tags that others hold. */
  readonly patient: boolean;
  readonly condition?: EncodedCondition | undefined;
}

/** Appends for all members in one statement; a verdict for each, in their order. */
export async function callAppend(
  sql: Sql,
  members: readonly AppendMember[],
  { patient, condition }: CallOptions,
): Promise<readonly Verdict[]> {
  const columns = toColumns(members);
  const texts = (values: readonly string[]) => sql.array(values, 'text');
  const ints = (values: readonly number[]) => sql.array(values, 'int4');
  const rows = await sql<Verdict & { member: number }>`
    select * from banyan.append_events(${patient},
      ${texts(members.map(({ stream }) => stream))},
      ${sql.array(
        members.map(({ expected }) => expected),
        'int8',
      )},
      ${ints(members.map(({ events }) => events.length))},
      ${ints(columns.members)}, ${ints(columns.offsets)}, ${texts(columns.types)}, ${ints(columns.versions)},
      ${texts(columns.contents)}, ${texts(columns.metas)}, ${ints(columns.tagEvents)}, ${texts(columns.tags)},
      ${toCondition(sql, condition)})`;
  const verdicts: Verdict[] = [];
  for (const row of rows) verdicts[row.member - 1] = row;
  return verdicts;
}

function toColumns(members: readonly AppendMember[]) {
  const columns = {
    members: [] as number[],
    offsets: [] as number[],
    types: [] as string[],
    versions: [] as number[],
    contents: [] as string[],
    metas: [] as string[],
    tagEvents: [] as number[],
    tags: [] as string[],
  };
  for (const [index, { events }] of members.entries()) {
    for (const [offset, { type, version, data, metadata, tags }] of events.entries()) {
      columns.members.push(index + 1);
      columns.offsets.push(offset + 1);
      columns.types.push(type);
      columns.versions.push(version);
      columns.contents.push(data);
      const number = columns.metas.push(metadata);
      for (const tag of tags) {
        columns.tagEvents.push(number);
        columns.tags.push(tag);
      }
    }
  }
  return columns;
}

function toCondition(sql: Sql, condition: EncodedCondition | undefined): SqlFragment {
  if (condition === undefined) return sql`null::json, null::pg_snapshot, null::int8`;
  const { query, seen, after } = condition;
  return sql`${JSON.stringify(query)}::json, ${seen}::pg_snapshot, ${after}::int8`;
}

/** The result of one member, or the error that its verdict means. */
export function toAppended(member: AppendMember, { verdict, head, lastPosition }: Verdict): Appended {
  switch (verdict) {
    case 0:
      return { revision: head ?? 0, position: lastPosition ?? 0 };
    case 1:
      throw wrongRevision(member, head ?? -1);
    case 3:
      throw eventStoreError('append_condition_failed', { details: { position: lastPosition } });
    case 4:
      throw eventStoreError('isolation_unsupported');
    default:
      throw eventStoreError('stream_busy', {
        message: `The stream '${member.stream}' is held by another transaction.`,
      });
  }
}

const expectations: Readonly<Record<number, string>> = {
  [-1]: 'noStream',
  [-2]: 'any',
  [-3]: 'streamExists',
};

function wrongRevision(
  { stream, expected }: AppendMember,
  actual: number | undefined,
  cause?: unknown,
): Error {
  const wanted = expectations[expected] ?? expected;
  const is = actual === undefined ? 'another one' : actual === -1 ? 'no stream' : `at revision ${actual}`;
  return eventStoreError('wrong_expected_revision', {
    message: `The stream '${stream}' is ${is}; expected: ${wanted}.`,
    details: { stream, expected: wanted, actual },
    cause,
  });
}

/** In a transaction with a stricter isolation than `read committed` the primary key says what the verdict could not see. */
export function toAppendError(member: AppendMember, error: unknown): unknown {
  if (!isServiceError(error) || error.reason !== 'unique_violation') return error;
  const { constraint } = (error.details ?? {}) as { readonly constraint?: unknown };
  return constraint === 'event_pkey' ? wrongRevision(member, undefined, error) : error;
}
