import type { OperationsHandlers } from '@banyan/console-api';
import { ServiceError, type Sql } from '@banyan/core';
import { askServices } from '../ask-services.ts';
import type { SystemPorts } from '../service-ports.ts';
import { hideSecrets } from './hidden-secrets.ts';

export type StreamOperations = Pick<OperationsHandlers, 'listStreams' | 'readStream' | 'getStreamState'>;

const pageSize = 1_000;

interface EventRow {
  readonly revision: number;
  readonly type: string;
  readonly recordedAt: string;
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
      const asked = { named: service === undefined ? [] : [service], all: ports.names };
      const { answers, leftOut } = await askServices(asked, async (name) => {
        const { database } = await ports.open(name);
        const rows = await newestStreams(database.sql, text ?? '', limit);
        return rows.map(({ stream, revision, recordedAt }) => ({
          service: name,
          streamId: stream,
          events: Number(revision) + 1,
          changedAt: recordedAt,
        }));
      });
      return {
        streams: answers.toSorted((a, b) => (a.changedAt < b.changedAt ? 1 : -1)).slice(0, limit),
        leftOut: [...leftOut],
      };
    },
    async readStream({ service, streamId, fromRevision = 0, limit = 500 }) {
      const rows = await read(service, streamId, { from: fromRevision, limit });
      return {
        events: rows.map(({ revision, type, recordedAt, data, metadata }) => ({
          revision: Number(revision),
          type,
          at: recordedAt,
          data: hideSecrets(data) as never,
          metadata: hideSecrets(metadata ?? {}) as never,
        })),
      };
    },
    async getStreamState({ service, streamId, at }, { signal }) {
      const { database } = await (await openPorts()).open(service);
      // Aggregates are code of their service; what can be told without it is what the events said last of each field.
      const state = {};
      let revision = -1;
      for (let isMore = true; isMore; ) {
        signal.throwIfAborted();
        const range = { from: revision + 1, limit: pageSize, ...(at && { at }) };
        const rows = await readRows(database.sql, streamId, range);
        for (const { data } of rows) Object.assign(state, data);
        revision = Number(rows.at(-1)?.revision ?? revision);
        isMore = rows.length === pageSize;
      }
      if (revision === -1) throw noStream(service, streamId);
      return { revision, state: hideSecrets(state) as never };
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
  readonly recordedAt: string;
}

/** Of events that a part of a name is looked for in; a log may have millions. */
const searched = 50_000;

/** Those that the newest events are of, and the one with just this name. */
function newestStreams(sql: Sql, text: string, limit: number): Promise<StreamRow[]> {
  return sql<StreamRow>`
    select distinct on (stream) stream, revision, recorded_at from (
      (select stream, revision, recorded_at from (
        select stream, revision, recorded_at from banyan.event
        order by position desc limit ${text === '' ? limit * 20 : searched}
      ) as newest where position(${text} in stream) > 0)
      union all
      (select stream, revision, recorded_at from banyan.event where stream = ${text} order by revision desc limit 1)
    ) as found order by stream, revision desc`;
}

function noStream(service: string, stream: string): ServiceError {
  return new ServiceError(`'${service}' has no stream '${stream.slice(0, 200)}' with events up to then.`, {
    code: 'not_found',
    reason: 'no_stream',
  });
}
