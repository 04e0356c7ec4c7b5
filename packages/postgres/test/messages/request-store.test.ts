import { silentLogger } from '@banyan/core';
import { describeRequestStore } from '@banyan/events/testing';
import { createPostgresRequestStore } from '@banyan/postgres';
import { createScope, createServiceDatabase } from '../events/events-databases.ts';

describeRequestStore('PostgreSQL', async () => {
  const scope = createScope();
  const { database } = await createServiceDatabase(scope);
  return {
    requests: createPostgresRequestStore(database, { logger: silentLogger }),
    other: createPostgresRequestStore(database, { logger: silentLogger }),
    tx: (work) => database.tx(({ sql }) => work(sql)),
    close: scope.close,
  };
});
