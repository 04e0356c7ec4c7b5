import { type Sql, silentLogger } from '@banyan/core';
import { type CaptureHost, defineCapture, type PostgresDatabase, type RowChange } from '@banyan/postgres';
import { until } from '@banyan/testing';

export type Tx = { readonly sql: Sql };

export function createInstance(
  database: PostgresDatabase,
  url: string | undefined,
  onChange?: (change: RowChange) => void,
) {
  const stop = new AbortController();
  const capture = defineCapture<Tx>({
    name: 'orders',
    tables: ['orders'],
    ...(url === undefined ? undefined : { url }),
    intervalMs: 10,
    async onChange(change, { sql }) {
      const { kind, before: old, after: now } = change;
      const text = `${kind} ${old?.['orderId'] ?? '-'}:${old?.['item'] ?? '-'} ${now?.['orderId'] ?? '-'}:${now?.['item'] ?? '-'}`;
      await sql`insert into told (text) values (${text})`;
      onChange?.(change);
    },
  });
  const host: CaptureHost<Tx> = {
    sql: database.sql,
    tx: (work) => database.tx(work),
    config: undefined,
    log: silentLogger,
    signal: stop.signal,
  };
  let running: Promise<void> | undefined;
  return {
    capture,
    host,
    /** Until `end`; rejects as the capture does. */
    start() {
      running = capture.run(host);
      running.catch(() => {});
      return running;
    },
    async end() {
      stop.abort();
      await running;
    },
  };
}

/** Starts the capture and waits until it sees what is committed from now on. */
export async function startCapturing(instance: ReturnType<typeof createInstance>): Promise<void> {
  void instance.start();
  await until(
    async () => (await instance.host.sql`select from banyan.capture`).length > 0,
    'the capture has begun',
  );
}
