import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { silentLogger } from '@banyan/core';
import { createDatabase, createEmbeddedServer, findSystem } from '@banyan/postgres';
import { lastFirst, temporaryFolder, untilPasses } from '@banyan/testing';
import { runBanyan, startSystem } from '../support/running-system.ts';

const directory = fileURLToPath(new URL('../../systems/food-to-go/', import.meta.url));
const demo = join(directory, 'demo', 'demo.ts');

test('food-to-go: the demo walks through, and a history that lost all it had reads it from the log again', async (context) => {
  const t = lastFirst(context);
  const folder = await temporaryFolder(t, 'food');
  const postgres = createEmbeddedServer({ dataDir: join(folder, 'postgres'), logger: silentLogger });
  const { adminUrl } = await postgres.start();
  t.after(() => postgres.stop());
  const secret = randomBytes(32).toString('base64url');
  const environment = { DATABASE_URL: adminUrl, BANYAN_SECRET: secret };
  const { url } = await startSystem(t, { directory, environment });

  const { stdout } = await promisify(execFile)(process.execPath, [demo, '--url', url]);
  assert.match(stdout, /\nAll is as it should be\.\n$/);

  const services = ['order-history'];
  const system = await findSystem({ adminUrl, system: 'food-to-go', services, secret });
  const database = createDatabase({ url: system?.serviceUrls['order-history'] ?? '' });
  t.after(() => database.close());
  const { sql } = database;
  const dump = () => sql<{ row: string }>`
    select shown::text as row from shown union all select received::text from received order by row`;
  // Four orders and their events: delivered 3, declined 2, revised 3, cancelled 3. What was undone was never told.
  const before = await untilPasses(async () => {
    const rows = await dump();
    assert.equal(rows.length, 4 + 11);
    return rows;
  });
  await sql`truncate shown, received`;
  const words = ['events', 'replay', 'order-history', '--from', 'start', '--yes', '--dir', directory];
  const replay = runBanyan(words, environment);
  assert.equal((await replay.exited).code, 0, replay.output());
  await untilPasses(async () => assert.deepEqual(await dump(), before));
});
