import type { Contract } from '@banyan/contract';
import type { CallContext, Sql, Transaction } from '@banyan/core';
import type { Audit } from './audit-trail.ts';
import { createEmission } from './emission.ts';
import type { ServiceRuntime } from './handler-context.ts';
import type { SendOptions } from './message-types.ts';
import type { Outgoing } from './outgoing.ts';
import type { SagaActions } from './saga-types.ts';
import { createSagaActions } from './sagas.ts';
import { createSending } from './sending.ts';
import type { Tx } from './service.ts';

export interface OpenTransaction {
  readonly context: CallContext;
  readonly transaction: Transaction;
  readonly outgoing: Outgoing[];
}

/** What `work` in a transaction is given; what it tells others is added to `outgoing`. */
export function createTx(runtime: ServiceRuntime, open: OpenTransaction): Tx<Contract> {
  return new RecordingTx(runtime, open);
}

/** Its methods are getters, so that destructuring them keeps `this`, and that each is made when it is first asked for. */
class RecordingTx implements Tx<Contract> {
  readonly #runtime: ServiceRuntime;
  readonly #open: OpenTransaction;

  constructor(runtime: ServiceRuntime, open: OpenTransaction) {
    this.#runtime = runtime;
    this.#open = open;
  }

  get sql(): Sql {
    return this.#open.transaction.sql;
  }

  get emit(): (name: string, data: unknown) => void {
    const { contract, clock } = this.#runtime;
    const { context, outgoing } = this.#open;
    return (name, data) => {
      outgoing.push({ event: createEmission({ contract, clock, context }, name, data) });
    };
  }

  get send(): (name: string, data: unknown, options?: SendOptions) => string {
    const { context, outgoing } = this.#open;
    return (name, data, options) => {
      const sending = createSending(this.#runtime, context, { name, data, options });
      outgoing.push(sending);
      return sending.event.id;
    };
  }

  get audit(): Audit {
    const { context, outgoing } = this.#open;
    return (action, about) => {
      outgoing.push({ audit: this.#runtime.audit.newRecord(action, context, about) });
    };
  }

  get start(): SagaActions['start'] {
    return this.#sagaActions().start;
  }

  get signalSaga(): SagaActions['signalSaga'] {
    return this.#sagaActions().signalSaga;
  }

  get cancelSaga(): SagaActions['cancelSaga'] {
    return this.#sagaActions().cancelSaga;
  }

  get onCommit(): Tx<Contract>['onCommit'] {
    return (listener) => this.#open.transaction.onCommit(listener);
  }

  get savepoint(): Tx<Contract>['savepoint'] {
    return async (work) => {
      const { transaction, outgoing } = this.#open;
      const before = outgoing.length;
      try {
        return await transaction.savepoint(work);
      } catch (error) {
        // What the savepoint undid has not happened, so nobody may be told of it.
        outgoing.length = before;
        throw error;
      }
    };
  }

  #sagaActions(): SagaActions {
    const { context, outgoing } = this.#open;
    return createSagaActions(this.#runtime, context, outgoing);
  }
}
