import fc from 'fast-check';
import type { EventsModel } from './events-model.ts';
import type { EventsSystem, ModelReader, ModelRelay } from './events-model-system.ts';
import { sampleEvent } from './samples.ts';

type Command = fc.AsyncCommand<EventsModel, EventsSystem>;

/** One command of its own kind: what it does, and how it is shown when a run fails. */
function command(
  name: string,
  parameters: unknown,
  run: (model: EventsModel, system: EventsSystem) => Promise<void>,
): Command {
  return {
    check: () => true,
    async run(model, system) {
      system.steps += 1;
      await run(model, system);
      model.assertConsistent(system.effects);
    },
    toString: () => `${name}(${JSON.stringify(parameters)})`,
  };
}

const which = fc.nat(1);
const limits = fc.integer({ min: 1, max: 8 });
const keys = fc.array(fc.constantFrom('a', 'b', 'c', 'd', 'e'), { minLength: 1, maxLength: 4 });

/** What relays, readers, workers and operators do, alone and to each other. */
export function modelCommands(): fc.Arbitrary<Command>[] {
  return [...producing(), ...relaying(), ...reading(), ...working()];
}

function producing(): fc.Arbitrary<Command>[] {
  const append = fc.record({ keys, isCommitting: fc.boolean() });
  return [
    append.map((parameters) =>
      command('append', parameters, async (model, { fixture }) => {
        const values = parameters.keys.map((key) => ({ key, value: model.nextValue() }));
        const isCommitted = await fixture
          .tx(async (sql) => {
            await fixture.outbox.append(
              sql,
              values.map(({ key, value }) => sampleEvent(key, value)),
            );
            if (!parameters.isCommitting) throw new Error('rolled back');
          })
          .then(
            () => true,
            () => false,
          );
        if (isCommitted !== parameters.isCommitting)
          throw new Error('the append did not end as it was told to');
        if (isCommitted) for (const { key, value } of values) model.commit(`orders/${key}`, value);
      }),
    ),
    keys.map((some) =>
      command('append while a relay reads', some, async (model, system) => {
        const { outbox, tx } = system.fixture;
        const values = some.map((key) => ({ key, value: model.nextValue() }));
        await tx(async (sql) => {
          await outbox.append(
            sql,
            values.map(({ key, value }) => sampleEvent(key, value)),
          );
          // The place that is confirmed now lies behind rows that are not committed yet.
          await system.relayPage(system.relays[0] as ModelRelay, { limit: 100, confirms: true });
        });
        for (const { key, value } of values) model.commit(`orders/${key}`, value);
      }),
    ),
  ];
}

function relaying(): fc.Arbitrary<Command>[] {
  const page = fc.record({ which, limit: limits, confirms: fc.boolean() });
  const relayOf = (system: EventsSystem, index: number) => system.relays[index] as ModelRelay;
  return [
    page.map((parameters) =>
      command('relay a page', parameters, async (_, system) => {
        await system.relayPage(relayOf(system, parameters.which), parameters);
      }),
    ),
    which.map((index) =>
      command('give the relay lease back', index, async (_, { relays, fixture }) => {
        const { lease } = relays[index] as ModelRelay;
        // It goes on believing that it has it.
        if (lease !== undefined) await fixture.outbox.release(lease);
      }),
    ),
    fc.constant(
      command('rewind', '', async (_, { fixture }) => {
        await fixture.outbox.rewind(new Date(0).toISOString());
      }),
    ),
    fc.constant(
      command('prune the outbox', '', async (_, { fixture }) => {
        await fixture.outbox.prune(3_600_000);
      }),
    ),
  ];
}

function reading(): fc.Arbitrary<Command>[] {
  const readerOf = (system: EventsSystem, index: number) => system.readers[index] as ModelReader;
  return [
    which.map((index) => command('share', index, (_, system) => system.share(readerOf(system, index)))),
    which.map((index) =>
      command('leave', index, async (_, system) => {
        const { inbox, log } = system.fixture;
        await inbox.leave(log.id, readerOf(system, index).instance);
      }),
    ),
    fc
      .record({ which, limit: limits })
      .map((parameters) =>
        command('read a page', parameters, (_, system) =>
          system.read(readerOf(system, parameters.which), parameters.limit),
        ),
      ),
    fc.record({ which, isCommitting: fc.boolean(), again: fc.boolean() }).map((parameters) =>
      command('admit the oldest page', parameters, async (_, system) => {
        const reader = readerOf(system, parameters.which);
        const [arrival] = reader.arrivals;
        if (arrival === undefined) return;
        const isHeld = await system.admit(arrival, parameters.isCommitting);
        if (!isHeld) await system.giveUp(reader);
        else if (parameters.isCommitting && !parameters.again) reader.arrivals.shift();
      }),
    ),
    fc.record({ which, again: fc.boolean() }).map((parameters) =>
      command('store the oldest page', parameters, async (_, system) => {
        const reader = readerOf(system, parameters.which);
        const [arrival] = reader.arrivals;
        if (arrival === undefined) return;
        const isHeld = await system.attempt(() => system.fixture.inbox.ingest(arrival));
        if (!isHeld) await system.giveUp(reader);
        else if (!parameters.again) reader.arrivals.shift();
      }),
    ),
  ];
}

function working(): fc.Arbitrary<Command>[] {
  const failure = fc.record({ pick: fc.nat(1_000), kind: fc.constantFrom('failure', 'deferral', 'dead') });
  return [
    fc.record({ limit: limits, leaseMs: fc.constantFrom(0, 60_000) }).map((parameters) =>
      command('claim', parameters, async (_, { claims, fixture }) => {
        claims.push(...(await fixture.inbox.claim({ owner: 'worker', ...parameters })));
      }),
    ),
    fc.record({ pick: fc.nat(1_000), isCommitting: fc.boolean() }).map(({ pick, isCommitting }) =>
      command('complete a claim of any age', { pick, isCommitting }, async (_, system) => {
        const claim = system.claims.at(-1 - (pick % 4));
        if (claim !== undefined) await system.complete(claim, isCommitting);
      }),
    ),
    failure.map((parameters) =>
      command('fail a claim of any age', parameters, async (_, { claims, fixture }) => {
        const claim = claims.at(-1 - (parameters.pick % 4));
        const { kind } = parameters as { readonly kind: 'failure' | 'deferral' | 'dead' };
        if (claim !== undefined) await fixture.inbox.fail(claim, { kind, reason: 'test', retryAfterMs: 0 });
      }),
    ),
    fc.constant(
      command('the worker dies and comes back', '', async (_, { fixture }) => {
        await fixture.inbox.release('worker');
      }),
    ),
    fc.constant(
      command('retry dead letters', '', async (_, { fixture }) => {
        const letters = await fixture.inbox.deadLetters(10);
        await fixture.inbox.retryDeadLetters(
          letters.map(({ id }) => id),
          'test',
        );
      }),
    ),
    fc.constant(
      command('prune the inbox', '', async (_, { fixture }) => {
        await fixture.inbox.prune(3_600_000);
      }),
    ),
  ];
}
