import { contract, event, operation, service, system } from '@banyan/banyan';
import { z } from 'zod';

const Item = z.object({ key: z.string(), number: z.int() });

export const source = contract('source', {
  version: '1.0.0',
  operations: {
    send: operation('POST /items', { input: z.object({ key: z.string() }), output: Item }),
  },
  events: { sent: event('ItemSent', { data: Item, key: 'key' }) },
});

const sourceService = service(source, {
  migrations: new URL('./migrations/source/', import.meta.url),
  operations: {
    send: ({ key }, { tx }) =>
      tx(async ({ sql, emit }) => {
        const [row] = await sql<{ number: number }>`
          insert into counter (key, number) values (${key}, 1)
          on conflict (key) do update set number = counter.number + 1 returning number`;
        const item = { key, number: row?.number ?? 0 };
        await sql`insert into sent (key, number) values (${item.key}, ${item.number})`;
        emit('sent', item);
        return item;
      }),
  },
});

export const sink = contract('sink', { version: '1.0.0', operations: {} });

const sinkService = service(sink, {
  uses: { source },
  migrations: new URL('./migrations/sink/', import.meta.url),
  operations: {},
  on: {
    'source.sent': async ({ key, number }, { sql }) => {
      await sql`insert into effect (key, number) values (${key}, ${number})`;
    },
  },
});

export const eventChaos = system('event-chaos', { services: [sourceService, sinkService] });
