import { createEventStore, createProjection } from '@banyan/event-store';
import { createDatabase } from '@banyan/postgres';
import { accountEvents, balances } from './balance-projection.ts';

// A program of its own that runs the projection until it is killed.
const [url = ''] = process.argv.slice(2);
const database = createDatabase({ url });
const store = createEventStore({ database, events: accountEvents });
const projection = createProjection(store, balances(), { database, leaseMs: 300, pageSize: 20, pollMs: 20 });
await projection.run(new AbortController().signal);
