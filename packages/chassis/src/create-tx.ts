import type { Contract } from '@banyan/contract';
import type { CallContext, Transaction } from '@banyan/core';
import { createEmission } from './emission.ts';
import type { ServiceRuntime } from './handler-context.ts';
import type { SendOptions } from './message-types.ts';
import type { Outgoing } from './outgoing.ts';
import { createSagaActions } from './sagas.ts';
import { createSending } from './sending.ts';
import type { Tx } from './service-context.ts';
import { onceCommitted } from './service-metrics.ts';
import { spanOf, traced } from './service-spans.ts';

export interface OpenTransaction {
  readonly context: CallContext;
  readonly transaction: Transaction;
  readonly outgoing: Outgoing[];
}

/**
 * What `work` in a transaction is given; what it tells others is added to `outgoing`. A plain object, because handlers take it apart and pass on parts of it.
 */
export function createTx(runtime: ServiceRuntime, open: OpenTransaction): Tx<Contract> {
  const { context, transaction, outgoing } = open;
  // Made when one is asked for: few transactions have to do with sagas.
  const sagaActions = () => createSagaActions(runtime, context, outgoing);
  return {
    sql: traced(runtime, context, transaction.sql),
    emit: (name: string, data: unknown) => {
      outgoing.push(createEmission({ runtime, context }, name, data));
    },
    send: (name: string, data: unknown, options?: SendOptions) => {
      const sending = createSending(runtime, context, { name, data, options });
      outgoing.push(sending);
      return sending.event.id;
    },
    audit: (action, about) => {
      outgoing.push({ audit: runtime.audit.newRecord(action, context, about) });
    },
    get metrics() {
      return runtime.metrics.measure(() => spanOf(runtime, context), onceCommitted(outgoing));
    },
    start: (saga, input, options) => sagaActions().start(saga, input, options),
    signalSaga: (...signal) => sagaActions().signalSaga(...signal),
    cancelSaga: (...cancel) => sagaActions().cancelSaga(...cancel),
    onCommit: (listener) => transaction.onCommit(listener),
    async savepoint(work) {
      const before = outgoing.length;
      try {
        return await transaction.savepoint((sql) => work(traced(runtime, context, sql)));
      } catch (error) {
        // What the savepoint undid has not happened, so nobody may be told of it.
        outgoing.length = before;
        throw error;
      }
    },
  };
}
