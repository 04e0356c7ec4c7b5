import { defineEvent, defineEvents, defineProjection } from '@banyan/event-store';
import { z } from 'zod';

export const accountEvents = defineEvents({
  AccountOpened: defineEvent({ schema: z.object({ owner: z.string() }) }),
  MoneyMoved: defineEvent({ schema: z.object({ amount: z.number().int() }) }),
});

/** The balance of each account, and how many movements made it. A later version says so in another column as well. */
export const balances = (version = 1) =>
  defineProjection(accountEvents, {
    name: 'balances',
    version,
    tables: {
      balance: (table, sql) => [
        sql`create table ${table} (account text primary key, owner text not null, amount int8 not null, moves int8 not null)`,
      ],
    },
    on: {
      AccountOpened: ({ stream, data }, { sql, tables }) =>
        sql`insert into ${tables.balance} values (${stream}, ${data.owner}, 0, 0)`,
      MoneyMoved: ({ stream, data }, { sql, tables }) =>
        sql`update ${tables.balance} set amount = amount + ${data.amount}::int8, moves = moves + 1 where account = ${stream}`,
    },
  });
