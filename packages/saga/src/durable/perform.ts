import type { Clock } from '@banyan/core';
import type { StepContext } from '../definition/action.ts';
import { identityOf, keyOf, refuse, runWatched, StepTxContext, tell, within } from '../engine/step-work.ts';
import type {
  SagaEnvironment,
  SagaTransaction,
  StepAttempt,
  StepIdentity,
  WatchedStep,
} from '../environment.ts';
import { failed, type Outcome, succeeded } from '../plan/outcome.ts';
import type { Command } from './command.ts';
import type { LiveDurable } from './live-durable.ts';
import type { DueCommand } from './look.ts';

/** Does what does not run in the service's own transaction. Never rejects. */
export async function performCommand(
  environment: SagaEnvironment,
  live: LiveDurable,
  { due, clock }: { readonly due: DueCommand; readonly clock: Clock },
): Promise<Outcome> {
  const own = identityOf(live, due.command.name);
  const watched = environment.watch?.(own, attemptOf(due));
  const outcome = await perform(environment, live, {
    due,
    watched,
    clock,
    identity: watched?.identity ?? own,
  });
  tell(watched, outcome);
  return outcome;
}

function attemptOf({ record, phase }: DueCommand): StepAttempt {
  return { isWayBack: phase !== 'do', attempt: (record.a ?? 0) + 1 };
}

async function perform(
  environment: SagaEnvironment,
  live: LiveDurable,
  {
    due,
    watched,
    clock,
    identity,
  }: {
    readonly due: DueCommand;
    readonly watched: WatchedStep | undefined;
    readonly clock: Clock;
    readonly identity: StepIdentity;
  },
): Promise<Outcome> {
  const { command, phase } = due;
  const { request, name } = command;
  const context = contextOf(live, due);
  try {
    if (request.kind === 'call') {
      const { operation, input, timeoutMs } = request;
      const { idempotencyKey } = context;
      const call = { ...identity, operation, input, idempotencyKey, timeoutMs, signal: live.signal };
      return succeeded(name, phase, await environment.call(call));
    }
    if (request.kind !== 'run') throw new TypeError(`'${request.kind}' is not done outside`);
    const limit = new AbortController();
    const interrupted = live.execution?.signal;
    const signals = [live.signal, limit.signal, ...(interrupted === undefined ? [] : [interrupted])];
    const log = environment.log(identity);
    const running = runWatched(watched, () =>
      request.run({ ...context, log, refuse, signal: AbortSignal.any(signals) }),
    );
    return succeeded(name, phase, await within(running, { timeoutMs: request.timeoutMs, limit, clock }));
  } catch (error) {
    return failed(name, phase, error);
  }
}

/** Does one piece of the service's own transaction. Never rejects. `restsOnOthers`: it asked the database after other pieces had. */
export async function performTx(
  live: LiveDurable,
  due: DueCommand,
  open: {
    readonly environment: Pick<SagaEnvironment, 'watch'>;
    readonly transaction: SagaTransaction;
    /** Attempts that have succeeded, to be told how they ended when it is known whether the transaction is committed. */
    readonly succeeded: WatchedStep[];
    readonly onInterleaved: () => void;
    readonly clock: Clock;
  },
): Promise<{ readonly outcome: Outcome; readonly restsOnOthers: boolean }> {
  const { request, name } = due.command;
  const { environment, transaction, succeeded: done, onInterleaved, clock } = open;
  const own = identityOf(live, name);
  const watched = environment.watch?.(own, attemptOf(due));
  const { context: opened, admission } = transaction.open(watched?.identity ?? own, onInterleaved);
  try {
    if (request.kind !== 'tx') throw new TypeError(`'${request.kind}' is not done in the own transaction`);
    const context = new StepTxContext(contextOf(live, due), opened);
    const running = runWatched(watched, () => request.tx(context));
    const result = await within(running, { timeoutMs: request.timeoutMs, clock });
    const outcome = succeeded(name, 'do', result);
    if (!outcome.ok) watched?.failed(outcome.error);
    else if (watched !== undefined) done.push(watched);
    return { outcome, restsOnOthers: admission.restsOnOthers };
  } catch (error) {
    watched?.failed(error);
    return { outcome: failed(name, 'do', error), restsOnOthers: admission.restsOnOthers };
  }
}

function contextOf({ row }: LiveDurable, { command, record, phase }: DueCommand): StepContext {
  return {
    sagaId: row.id,
    idempotencyKey: keyOf(row.id, 0, stepOf(command), phase),
    attempt: (record.a ?? 0) + 1,
    expiresAt: undefined,
    failure: undefined,
  };
}

/** What names a command's effect: the code asks for the same things in the same order, so its number does. */
function stepOf({ index }: Command): string {
  return String(index);
}
