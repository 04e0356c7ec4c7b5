import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type ResourceContext, service, system } from '@banyan/chassis';
import { contract, operation } from '@banyan/contract';
import { startTestSystem } from '@banyan/testing';
import { z } from 'zod';

const library = contract('library', {
  version: '1.0.0',
  operations: {
    look: operation('GET /look', { input: z.object({}), output: z.object({ shelf: z.int() }) }),
    lookLong: operation('GET /look-long', { input: z.object({}), output: z.object({ isOpen: z.boolean() }) }),
  },
});

const readers = contract('readers', { version: '1.0.0', operations: {} });

const Config = z.object({ shelves: z.int().default(3) });

function openings() {
  const events: string[] = [];
  const [entered, leaving] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const door = () => {
    let isOpen = true;
    events.push('opened');
    return {
      isOpen: () => isOpen,
      async close() {
        isOpen = false;
        events.push('closed');
      },
    };
  };
  const shelfOf = ({ config }: ResourceContext<z.output<typeof Config>>) => {
    events.push('counted');
    return { shelf: config.shelves, close: async () => assert.fail('cannot be closed') };
  };
  const libraryService = service(library, {
    config: Config,
    operations: {
      async look(_input, { resource }) {
        return { shelf: resource(door).isOpen() ? resource(shelfOf).shelf : 0 };
      },
      async lookLong(_input, { resource }) {
        resource(door);
        entered.resolve();
        await leaving.promise;
        return { isOpen: resource(door).isOpen() };
      },
    },
  });
  const readersService = service(readers, { uses: { library }, operations: {} });
  const libraries = system('libraries', { services: [libraryService, readersService] });
  return { events, entered, leaving, libraries };
}

test('a resource is opened once for a running service, by whoever needs it first, and with its configuration', async (t) => {
  const { events, libraries } = openings();
  const running = await startTestSystem(t, libraries, { environment: { LIBRARY_SHELVES: '7' } });
  assert.deepEqual(events, []);
  const client = running.client(library, { service: 'readers' });
  const looks = await Promise.all([client.look({}), client.look({}), client.look({})]);
  assert.deepEqual(looks, [{ shelf: 7 }, { shelf: 7 }, { shelf: 7 }]);
  assert.deepEqual(events, ['opened', 'counted']);
});

test('a resource is closed when the service has answered its last call, also if another one cannot be', async (t) => {
  const { events, entered, leaving, libraries } = openings();
  const running = await startTestSystem(t, libraries);
  const client = running.client(library, { service: 'readers' });
  await client.look({});
  const looking = client.lookLong({});
  await entered.promise;
  const stopping = running.stop();
  leaving.resolve();
  assert.deepEqual(await looking, { isOpen: true });
  await stopping;
  assert.deepEqual(events, ['opened', 'counted', 'closed']);
});
