import { createHash } from 'node:crypto';
import type { Sql } from '@banyan/core';
import type { PostgresDatabase } from '@banyan/postgres';
import type { PointRecord } from '../records.ts';

/** Beyond so many, points of new series are left out: labels with ids in them would otherwise fill the store. */
const maxSeries = 20_000;

/** The numbers of series: what a point belongs to. */
export class SeriesIds {
  readonly #database: PostgresDatabase;
  readonly #ids = new Map<string, number>();
  /** At first as well: points may have gone while nobody looked. */
  #hasUnused = true;

  constructor(database: PostgresDatabase) {
    this.#database = database;
  }

  /** Points have gone: before the next ones are written, series without any go too. */
  pointsDropped(): void {
    this.#hasUnused = true;
  }

  /** In the order of `points`; undefined for one that is left out. */
  async idsOf(points: readonly PointRecord[]): Promise<readonly (number | undefined)[]> {
    if (points.length === 0) return [];
    if (this.#hasUnused) await this.#removeUnused();
    const hashes = points.map(hashOf);
    const fresh = new Map<string, PointRecord>();
    for (const [index, hash] of hashes.entries()) {
      const point = points[index];
      const hasRoom = this.#ids.size + fresh.size < maxSeries;
      if (point !== undefined && !this.#ids.has(hash) && hasRoom) fresh.set(hash, point);
    }
    if (fresh.size > 0) await this.#add(fresh);
    return hashes.map((hash) => this.#ids.get(hash));
  }

  /** Here alone, where no batch is on its way whose points need one of them. */
  async #removeUnused(): Promise<void> {
    this.#hasUnused = false;
    this.#ids.clear();
    await this.#database.sql`
      delete from telemetry.series s
      where not exists (select from telemetry.points p where p.series_id = s.series_id)`;
  }

  async #add(fresh: ReadonlyMap<string, PointRecord>): Promise<void> {
    const { sql } = this.#database;
    const entries = [...fresh].sort(([a], [b]) => (a < b ? -1 : 1));
    const column = (of: (point: PointRecord) => string) =>
      sql.array(
        entries.map(([, point]) => of(point)),
        'text',
      );
    const rows = await sql<{ hash: string; seriesId: number }>`
      insert into telemetry.series (hash, name, kind, unit, description, service, labels)
      select u.hash, u.name, u.kind, u.unit, u.description, u.service, u.labels::jsonb from unnest(
        ${sql.array(
          entries.map(([hash]) => hash),
          'text',
        )}, ${column(({ name }) => name)}, ${column(({ kind }) => kind)},
        ${column(({ unit }) => unit)}, ${column(({ description }) => description)},
        ${column(({ resource }) => resource.service)}, ${column(({ labels }) => JSON.stringify(labels))}
      ) as u(hash, name, kind, unit, description, service, labels)
      on conflict (hash) do update set description = excluded.description
      returning hash, series_id`;
    for (const { hash, seriesId } of rows) this.#ids.set(hash, seriesId);
  }
}

/** Instances of one service are series of their own, or their counters would be taken for one that jumps. */
function hashOf({ name, kind, unit, resource, labels }: PointRecord): string {
  const { service, attributes } = resource;
  const instance = attributes['service.instance.id'] ?? '';
  return createHash('sha1')
    .update(JSON.stringify([name, kind, unit, service, instance, labels]))
    .digest('base64url');
}

export async function insertPoints(
  sql: Sql,
  chunk: number,
  { points, ids }: { readonly points: readonly PointRecord[]; readonly ids: readonly (number | undefined)[] },
): Promise<void> {
  const known = points.flatMap((point, index) => {
    const id = ids[index];
    return id === undefined ? [] : [{ point, id }];
  });
  if (known.length === 0) return;
  const column = <Value>(of: (point: PointRecord) => Value, type: string) =>
    sql.array(
      known.map(({ point }) => of(point)),
      type,
    );
  // -1: it counts since the point before.
  const startOf = ({ isDelta, startUs }: PointRecord) => (isDelta ? -1 : startUs);
  await sql`
    insert into telemetry.points (chunk, series_id, at_us, start_us, value, histogram)
    select ${chunk}, u.series_id, u.at_us, u.start_us, u.value, nullif(u.histogram, '')::jsonb from unnest(
      ${sql.array(
        known.map(({ id }) => id),
        'int4',
      )}, ${column(({ atUs }) => atUs, 'int8')},
      ${column(startOf, 'int8')}, ${column(({ value }) => value, 'float8')},
      ${column(({ histogram }) => (histogram === undefined ? '' : JSON.stringify(histogram)), 'text')}
    ) as u(series_id, at_us, start_us, value, histogram)`;
}
