import type { OperationsHandlers } from '@banyan/console-api';
import { ServiceError, type Sql } from '@banyan/core';
import type { SystemPorts } from '../service-ports.ts';

export type StreamOperations = Pick<OperationsHandlers, 'listStreams' | 'readStream' | 'getStreamState'>;

interface EventRow {
  readonly revision: number;
  readonly type: string;
  readonly recorded_at: string;
  readonly data: unknown;
  readonly metadata: unknown;
}

/** Streams of the event store as they lie in the tables: personal data stays sealed. */
export function createStreamOperations(openPorts: () => Promise<SystemPorts>): StreamOperations {
  const read = async (
    service: string,
    stream: string,
    range: { from: number; limit: number; at?: string },
  ) => {
    const { database } = await (await openPorts()).open(service);
    const rows = await readRows(database.sql, stream, range);
    if (rows.length === 0) throw noStream(service, stream);
    return rows;
  };
  return {
    async listStreams({ service, text, limit = 100 }) {
      const ports = await openPorts();
      const names = service === undefined ? ports.names : [service];
      const found = await Promise.all(
        names.map(async (name) => {
          const { database } = await ports.open(name);
          const rows = await newestStreams(database.sql, text ?? '', limit);
          return rows.map(({ stream, revision, recorded_at }) => ({
            service: name,
            streamId: stream,
            events: Number(revision) + 1,
            changedAt: recorded_at,
          }));
        }),
      );
      return {
        streams: found
          .flat()
          .toSorted((a, b) => (a.changedAt < b.changedAt ? 1 : -1))
          .slice(0, limit),
      };
    },
    async readStream({ service, streamId, fromRevision = 0, limit = 500 }) {
      const rows = await read(service, streamId, { from: fromRevision, limit });
      return {
        events: rows.map(({ revision, type, recorded_at, data, metadata }) => ({
          revision: Number(revision),
          type,
          at: recorded_at,
          data: data as never,
          metadata: (metadata ?? {}) as never,
        })),
      };
    },
    async getStreamState({ service, streamId, at }) {
      const rows = await read(service, streamId, { from: 0, limit: 10_000, ...(at && { at }) });
      // Aggregates are code of their service; what can be told without it is what the events said last of each field.
      const state = Object.assign({}, ...rows.map(({ data }) => data)) as never;
      return { revision: Number(rows.at(-1)?.revision ?? 0), state };
    },
  };
}

function readRows(
  sql: Sql,
  stream: string,
  { from, limit, at }: { readonly from: number; readonly limit: number; readonly at?: string },
): Promise<EventRow[]> {
  return sql<EventRow>`
    select revision, type, recorded_at, data, metadata from banyan.event
    where stream = ${stream} and revision >= ${from} and recorded_at <= coalesce(${at ?? null}::timestamptz, recorded_at)
    order by revision limit ${limit}`;
}

interface StreamRow {
  readonly stream: string;
  readonly revision: number;
  readonly recorded_at: string;
}

/** Looks at the newest events alone: a log may have millions. */
function newestStreams(sql: Sql, text: string, limit: number): Promise<StreamRow[]> {
  return sql<StreamRow>`
    select distinct on (stream) stream, revision, recorded_at from (
      select stream, revision, recorded_at from banyan.event
      where position(${text} in stream) > 0 order by position desc limit ${limit * 20}
    ) as newest order by stream, revision desc`;
}

function noStream(service: string, stream: string): ServiceError {
  return new ServiceError(`'${service}' has no stream '${stream.slice(0, 200)}' with events up to then.`, {
    code: 'not_found',
    reason: 'no_stream',
  });
}
