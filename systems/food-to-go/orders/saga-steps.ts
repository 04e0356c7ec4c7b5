import { changeOrder, type OrderTx } from './change-order.ts';
import type { OrderCommand } from './order.ts';
import { type Failure, rejectionOf } from './rejection.ts';

interface SagaState {
  readonly input: { readonly orderId: string };
}

interface StepContext extends OrderTx {
  readonly sagaId: string;
  readonly failure: Failure | undefined;
}

type Change = Exclude<OrderCommand['change'], 'place' | 'beginRevision' | 'reject'>;

/** A local step of a saga that changes its order, in the transaction that records the step. */
export const changing = (change: Change) => ({
  tx: ({ input }: SagaState, context: StepContext) => apply(input.orderId, context, { change }),
});

/** A local step that rejects its order, and says why. */
export const rejecting = {
  tx: ({ input }: SagaState, context: StepContext) =>
    apply(input.orderId, context, { change: 'reject', reason: rejectionOf(context.failure) }),
};

type Wish = { readonly change: Change } | { readonly change: 'reject'; readonly reason: string };

async function apply(orderId: string, context: StepContext, wish: Wish): Promise<void> {
  const command = { ...wish, at: new Date().toISOString() };
  await changeOrder(context, { orderId, command, by: `saga ${context.sagaId}` });
}
