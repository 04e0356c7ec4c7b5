import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Sql } from '@banyan/core';
import type { EventLog } from '../event-log.ts';
import type { Inbox } from '../inbox.ts';
import type { Outbox } from '../outbox.ts';
import { EventsModel } from './events-model.ts';
import { EventsSystem } from './events-model-system.ts';

export interface EventsModelFixture {
  readonly log: EventLog;
  /** Of the service that emits. */
  readonly outbox: Outbox;
  /** Of the service that consumes; it may live in the same database. */
  readonly inbox: Inbox;
  /** Runs `work` in a transaction of the databases of both. */
  tx(work: (sql: Sql) => Promise<void>): Promise<void>;
  close(): Promise<void>;
}

export interface EventsModelOptions {
  /** Commands in all, over several runs of up to 250 on a fixture each. Default 300. */
  readonly steps?: number;
  /** Default: drawn, and printed when a run fails. */
  readonly seed?: number;
}

const stepsPerRun = 250;

/**
 * Drives outbox, log and inbox together with random commands (fast-check), and compares what comes out with a model of a few lines: every event that was
 * committed takes effect once, none that was rolled back does, and each key keeps its order. Commands are those of relays and consumers at their worst:
 * they stop half-way, repeat themselves, lose their leases, fail, die and come back.
 */
export function describeEventsModel(
  name: string,
  create: () => Promise<EventsModelFixture>,
  { steps = 300, seed }: EventsModelOptions = {},
): void {
  describe(`outbox, log and inbox together on ${name}`, () => {
    test(`${steps} random commands lose, double and reorder nothing`, { timeout: 3_600_000 }, async () => {
      // Loaded here, so that who runs only the other suites need not have fast-check.
      const { default: fc } = await import('fast-check');
      const { modelCommands } = await import('./events-model-commands.ts');
      const perRun = Math.min(steps, stepsPerRun);
      const commands = fc.commands(modelCommands(), { maxCommands: perRun, size: 'max' });
      let done = 0;
      const property = fc.asyncProperty(commands, async (chosen) => {
        if (done >= steps) return;
        const fixture = await create();
        const system = new EventsSystem(fixture);
        const model = new EventsModel();
        try {
          await fc.asyncModelRun(() => ({ model, real: system }), chosen);
          await system.finish(model);
          model.assertComplete(system.effects);
        } finally {
          done += system.steps;
          await fixture.close();
        }
      });
      while (done < steps) {
        const before = done;
        await fc.assert(property, {
          numRuns: Math.ceil((steps - done) / (perRun / 2)),
          endOnFailure: true,
          ...(seed === undefined ? undefined : { seed: seed + done }),
        });
        if (done === before) break;
      }
      assert.ok(done >= steps, `${done} of ${steps} commands were run`);
    });
  });
}
