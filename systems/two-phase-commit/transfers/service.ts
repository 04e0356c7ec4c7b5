import { saga, service } from '@banyan/banyan';
import { north, south } from '../bank/contract.ts';
import { Transfer, transfers } from './contract.ts';

const transferMoney = saga('transferMoney', { version: 1, input: Transfer, deadlineMs: 3_600_000 })
  .step('pending', {
    undo: {
      tx: async ({ input }, { sql }) => {
        await sql`update transfer set state = 'refused' where transfer_id = ${input.transferId}`;
      },
    },
  })
  .step('withdraw', {
    call: north.operations.withdraw,
    with: ({ input }) => ({ account: input.from, cents: input.cents }),
    undo: {
      call: north.operations.deposit,
      with: ({ input }) => ({ account: input.from, cents: input.cents }),
    },
  })
  .step('deposit', {
    call: south.operations.deposit,
    with: ({ input }) => ({ account: input.to, cents: input.cents }),
    undo: {
      call: south.operations.withdraw,
      with: ({ input }) => ({ account: input.to, cents: input.cents }),
    },
  })
  .pivot('done', {
    tx: async ({ input }, { sql }) => {
      await sql`update transfer set state = 'done' where transfer_id = ${input.transferId}`;
    },
  });

export const transfersService = service(transfers, {
  uses: { north, south },
  migrations: new URL('./migrations/', import.meta.url),
  sagas: [transferMoney],
  operations: {
    transfer: (transfer, { tx }) =>
      tx(async ({ sql, start }) => {
        const { transferId } = transfer;
        await sql`insert into transfer (transfer_id, state) values (${transferId}, 'pending') on conflict do nothing`;
        start(transferMoney, transfer, { idempotencyKey: transferId });
        return { state: 'pending' as const };
      }),
    async getTransfer({ transferId }, { sql }) {
      const [found] = await sql<{ state: 'pending' | 'done' | 'refused' }>`
        select state from transfer where transfer_id = ${transferId}`;
      return { state: found?.state };
    },
  },
});
