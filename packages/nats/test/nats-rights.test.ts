import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { isServiceError } from '@banyan/core';
import { until } from '@banyan/core/testing';
import type { EventLog } from '@banyan/events';
import { createNatsEventLog } from '@banyan/nats';
import { createEmitter } from './fault-driver.ts';
import { lacksServer, type OwnServer, ownFolder, startOwnServer } from './own-server.ts';

describe('a NATS user whose rights change', { skip: lacksServer }, () => {
  let folder: string;
  let server: OwnServer;
  let log: EventLog;
  beforeEach(async () => {
    folder = await ownFolder();
    await configure();
    server = await startOwnServer([], folder);
    log = await createNatsEventLog({
      url: `nats://test:test@127.0.0.1:${server.port}?name=shop`,
      timeoutMs: 2_000,
    });
  });
  afterEach(async () => {
    await log.close();
    await server.remove();
  });

  const configure = (permissions = '{}') =>
    writeFile(
      join(folder, 'server.conf'),
      `jetstream { store_dir: "${join(folder, 'store')}" }\nauthorization { users: [{ user: test, password: test, permissions: ${permissions} }] }`,
    );
  /** What became of the event: undefined if it was published. */
  const refusalOf = async (emitter: ReturnType<typeof createEmitter>) => {
    try {
      await emitter.emit(1);
      return undefined;
    } catch (error) {
      assert.ok(isServiceError(error), String(error));
      return error.reason;
    }
  };

  for (const [right, denied] of [
    ['hear acknowledgements', '{ subscribe: { deny: "_INBOX.>" } }'],
    ['publish', '{ publish: { deny: "shop.>" } }'],
  ] as const) {
    test(`one that may not ${right} is told so, and goes on when it may again`, async () => {
      const emitter = createEmitter(log);
      await emitter.emit(1);
      await configure(denied);
      server.reload();
      await until(async () => (await refusalOf(emitter)) === 'nats_denied', 'publishing is refused');
      await configure();
      server.reload();
      await until(async () => (await refusalOf(emitter)) === undefined, 'publishing goes on');
    });
  }
});
