import type { Clock, Logger, Sql } from '@banyan/core';
import type { Sighting } from './error-sightings.ts';

export interface RecordingOptions {
  /** Who is to be told of errors that appear, see `Notices`. */
  readonly channels: readonly string[];
  /** Of new groups, by their services. */
  readonly owners: Readonly<Record<string, string>>;
  readonly clock: Clock;
  readonly logger: Logger;
}

interface Sample {
  readonly traceId?: string | undefined;
  readonly spanId?: string | undefined;
  readonly atUs: number;
  readonly message: string;
}

interface KnownGroup {
  readonly groupId: string;
  readonly state: string;
  readonly appearances: number;
  readonly samples: readonly Sample[];
}

interface ChangedGroup {
  readonly groupId: string;
  readonly newest: Sighting;
  /** That count. */
  readonly fresh: readonly Sighting[];
  readonly firstUs: number;
  readonly samples: readonly Sample[];
  readonly appearance: number;
  readonly hasAppeared: boolean;
}

/** How finely errors are counted in time. */
export const errorBucketSeconds = 10;
const maxSamples = 10;
/** A fault that makes a new group of each error would otherwise fill everybody's mail. */
const maxNoticesPerHour = 100;
const hourMs = 3_600_000;

/**
 * Counts sightings. A group that was resolved is open again; what is to be told of that, or of a new group, commits with it. Groups are locked in the order of
 * their ids, so that writers who share the store wait for each other, and each sees what the other has counted.
 */
export async function recordSightings(
  sql: Sql,
  sightings: readonly Sighting[],
  options: RecordingOptions,
): Promise<void> {
  if (sightings.length === 0) return;
  const byGroup = [...Map.groupBy(sightings, ({ groupId }) => groupId)].sort(([a], [b]) => (a < b ? -1 : 1));
  const newest = byGroup.map(([, all]) => newestOf(all));
  const sightingsOf = new Map(byGroup);
  const created = new Set(await createMissing(sql, newest, options.owners));
  const ids = sql.array(
    newest.map(({ groupId }) => groupId),
    'text',
  );
  const known = await sql<KnownGroup>`
    select group_id, state, appearances, samples from telemetry.error_groups
    where group_id = any(${ids}) order by group_id for update`;
  const changed = known.map((group) =>
    changeOf(group, sightingsOf.get(group.groupId) ?? [], created.has(group.groupId)),
  );
  await update(sql, changed);
  await countByTime(sql, changed, options.clock.nowMs());
  const appeared = changed.filter(({ hasAppeared }) => hasAppeared);
  if (appeared.length > 0) await noteAppearances(sql, appeared, options);
}

function newestOf(sightings: readonly Sighting[]): Sighting {
  return sightings.reduce((a, b) => (b.atUs >= a.atUs ? b : a));
}

/** @returns the ids of those that were not there */
async function createMissing(
  sql: Sql,
  newest: readonly Sighting[],
  owners: Readonly<Record<string, string>>,
): Promise<readonly string[]> {
  const column = (of: (sighting: Sighting) => unknown, type = 'text') => sql.array(newest.map(of), type);
  const rows = await sql<{ groupId: string }>`
    insert into telemetry.error_groups
      (group_id, service, type, message, place, stack, count, first_us, last_us, owner, samples)
    select u.group_id, u.service, u.type, u.message, u.place, u.stack, 0, u.at_us, u.at_us, u.owner, '[]'
    from unnest(${column(({ groupId }) => groupId)}, ${column(({ service }) => service)},
      ${column(({ type }) => type)}, ${column(({ message }) => message)}, ${column(({ place }) => place)},
      ${column(({ stack }) => stack)}, ${column(({ atUs }) => atUs, 'int8')},
      ${column(({ service }) => (Object.hasOwn(owners, service) ? owners[service] : null))}
    ) with ordinality as u(group_id, service, type, message, place, stack, at_us, owner, number)
    order by u.number on conflict (group_id) do nothing returning group_id`;
  return rows.map(({ groupId }) => groupId);
}

/** One exception is told of by every span and line that it passes: in one trace it counts once. */
function changeOf(
  { groupId, state, appearances, samples }: KnownGroup,
  all: readonly Sighting[],
  isNew: boolean,
): ChangedGroup {
  const byTrace = new Map<unknown, Sample>(samples.map((sample) => [sample.traceId ?? sample, sample]));
  const fresh = new Map<unknown, Sighting>();
  for (const sighting of all) {
    const { traceId, spanId, atUs, message } = sighting;
    const key = traceId ?? sighting;
    const before = byTrace.get(key);
    if (before === undefined) fresh.set(key, sighting);
    if (before === undefined || atUs >= before.atUs) byTrace.set(key, { traceId, spanId, atUs, message });
  }
  const isBack = !isNew && state === 'resolved';
  return {
    groupId,
    newest: newestOf(all),
    fresh: [...fresh.values()],
    firstUs: Math.min(...all.map(({ atUs }) => atUs)),
    samples: [...byTrace.values()].sort((a, b) => b.atUs - a.atUs).slice(0, maxSamples),
    appearance: isBack ? appearances + 1 : appearances,
    hasAppeared: isNew || isBack,
  };
}

async function update(sql: Sql, changed: readonly ChangedGroup[]): Promise<void> {
  const column = (of: (group: ChangedGroup) => unknown, type = 'text') => sql.array(changed.map(of), type);
  await sql`
    update telemetry.error_groups as g set message = u.message, place = u.place,
      stack = case when u.stack = '' then g.stack else u.stack end, count = g.count + u.count,
      first_us = least(g.first_us, u.first_us), last_us = greatest(g.last_us, u.last_us),
      state = case when g.state = 'resolved' then 'open' else g.state end,
      appearances = u.appearance, samples = u.samples::jsonb
    from unnest(${column(({ groupId }) => groupId)}, ${column(({ newest }) => newest.message)},
      ${column(({ newest }) => newest.place)}, ${column(({ newest }) => newest.stack)},
      ${column(({ fresh }) => fresh.length, 'int8')}, ${column(({ firstUs }) => firstUs, 'int8')},
      ${column(({ newest }) => newest.atUs, 'int8')}, ${column(({ appearance }) => appearance, 'int4')},
      ${column(({ samples }) => JSON.stringify(samples))}
    ) as u(group_id, message, place, stack, count, first_us, last_us, appearance, samples)
    where g.group_id = u.group_id`;
}

/** What is dated ahead of its time counts now. */
async function countByTime(sql: Sql, changed: readonly ChangedGroup[], nowMs: number): Promise<void> {
  const counts = changed.flatMap(({ groupId, fresh }) =>
    [...Map.groupBy(fresh, ({ atUs }) => bucketOf(Math.min(atUs, nowMs * 1_000)))].map(([bucket, all]) => ({
      groupId,
      bucket,
      count: all.length,
    })),
  );
  const column = (of: (count: (typeof counts)[number]) => unknown, type: string) =>
    sql.array(counts.map(of), type);
  await sql`
    insert into telemetry.error_counts as c (group_id, bucket, count)
    select * from unnest(${column(({ groupId }) => groupId, 'text')}, ${column(({ bucket }) => bucket, 'int8')},
      ${column(({ count }) => count, 'int4')})
    on conflict (group_id, bucket) do update set count = c.count + excluded.count`;
}

function bucketOf(atUs: number): number {
  return Math.floor(atUs / 1e6 / errorBucketSeconds) * errorBucketSeconds;
}

async function noteAppearances(
  sql: Sql,
  appeared: readonly ChangedGroup[],
  { channels, clock, logger }: RecordingOptions,
): Promise<void> {
  const nowMs = clock.nowMs();
  const [now, hourAgo] = [nowMs, nowMs - hourMs].map((ms) => new Date(ms).toISOString());
  const noted = await sql`
    insert into telemetry.alert_notices (group_id, appearance, channel, is_end, created_at, due_at)
    select group_id, appearance, channel, false, ${now ?? ''}::timestamptz, ${now ?? ''}::timestamptz
    from (
      select u.*, channel, row_number() over (partition by channel order by u.group_id) + (
        select count(*) from telemetry.alert_notices as n
        where n.channel = each.channel and n.group_id is not null and n.created_at > ${hourAgo ?? ''}) as number
      from unnest(
        ${sql.array(
          appeared.map(({ groupId }) => groupId),
          'text',
        )},
        ${sql.array(
          appeared.map(({ appearance }) => appearance),
          'int4',
        )}) as u(group_id, appearance)
      cross join unnest(${sql.array([...channels], 'text')}) as each(channel)) as numbered
    where number <= ${maxNoticesPerHour} returning notice_id`;
  const left = appeared.length * channels.length - noted.length;
  if (left > 0)
    logger.warn(
      `more than ${maxNoticesPerHour} errors appeared within an hour: nobody is told of the others`,
      {
        left,
      },
    );
}
