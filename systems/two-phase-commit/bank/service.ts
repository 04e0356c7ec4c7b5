import { type Service, service } from '@banyan/banyan';
import { north, south } from './contract.ts';

const createBank = (bank: typeof north | typeof south): Service =>
  service(bank, {
    migrations: new URL('./migrations/', import.meta.url),
    operations: {
      async openAccount({ account, cents }, { sql }) {
        await sql`insert into account (name, cents) values (${account}, ${cents}) on conflict do nothing`;
        return { cents };
      },
      async getBalance({ account }, { sql }) {
        const [found] = await sql<{ cents: number }>`select cents from account where name = ${account}`;
        return { cents: found?.cents ?? 0 };
      },
      // Not to be repeated by itself: the platform keeps the answer under the caller's key, so that a saga's step moves money once.
      withdraw: ({ account, cents }, { tx, fail }) =>
        tx(async ({ sql }) => {
          const [changed] = await sql<{ cents: number }>`
            update account set cents = cents - ${cents} where name = ${account} and cents >= ${cents} returning cents`;
          return changed ?? fail('insufficientFunds');
        }),
      deposit: ({ account, cents }, { tx, fail }) =>
        tx(async ({ sql }) => {
          const [changed] = await sql<{ cents: number }>`
            update account set cents = cents + ${cents} where name = ${account} returning cents`;
          return changed ?? fail('accountUnknown');
        }),
    },
  });

export const northService = createBank(north);
export const southService = createBank(south);
