import { servicesOf } from '@banyan/chassis';
import { ServiceError, systemClock } from '@banyan/core';
import { createLogger } from '@banyan/telemetry';
import { createClosing } from '../closing.ts';
import { defineCommand } from '../command.ts';
import type { ConsolePlan } from '../console/console-talk.ts';
import { openConsole } from '../console/open-console.ts';
import { joinSystem } from '../console/supervised-system.ts';
import { loadSystem } from '../load-system.ts';
import { readSettings } from '../settings.ts';
import { data, dir } from '../shared-options.ts';
import { connectToSupervisor } from '../supervised.ts';
import { systemDirectory } from '../system-directory.ts';

/** The process of the console, which `banyan up` starts and watches. Log lines are JSON on stdout. */
export const runConsole = defineCommand({
  name: 'console',
  usage: 'banyan console [options]',
  summary: "The process of the console, which 'banyan up' starts.",
  options: { dir, data },
  async run(input, terminal) {
    const supervisor = connectToSupervisor({ endsOnSigterm: false });
    const given = terminal.environment['BANYAN_CONSOLE'];
    if (supervisor === undefined || given === undefined) throw notByHand();
    const directory = systemDirectory(input, terminal);
    const closing = createClosing({ onFailure: (error) => terminal.fail(String(error)) });
    try {
      const plan = JSON.parse(given) as ConsolePlan;
      // First of all: from here on who connects waits a little, and is not turned away.
      const controlled = await joinSystem(supervisor);
      const system = await loadSystem(directory);
      const { fromConsole } = plan;
      const settings = {
        ...readSettings(directory, servicesOf(system, true), { input, terminal }),
        fromConsole,
      };
      terminal.changeDirectory(directory);
      const logger = createLogger({
        sink: (line) => terminal.write(`${line}\n`),
        level: settings.logLevel,
        format: 'json',
        clock: systemClock,
      }).with({ service: 'console' });
      const { stopRequested } = supervisor;
      const url = await openConsole({
        ...{ system, settings, plan, controlled, input, terminal, logger, closing, stopRequested },
      });
      supervisor.ready(url);
      await stopRequested;
      await closing.close();
      // A store that hangs while it is opened would keep it up.
      return supervisor.end();
    } catch (error) {
      supervisor.failed(error);
      throw error;
    } finally {
      await closing.close();
      supervisor.disconnect();
    }
  },
});

function notByHand(): ServiceError {
  return new ServiceError("'banyan up' starts the console; it does not run alone.", {
    code: 'invalid_argument',
    reason: 'invalid_command_line',
  });
}
