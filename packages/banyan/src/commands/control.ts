import { operationsApi } from '@banyan/console-api';
import type { InputOf } from '@banyan/contract';
import { defineCommand } from '../command.ts';
import { findConsole } from '../console/console-client.ts';
import { durationMs } from '../durations.ts';
import { wrong } from '../event-verbs/verb.ts';
import { data, dir } from '../shared-options.ts';

const { controlService } = operationsApi.operations;
type Action = InputOf<typeof controlService.input>['action'];

/** What is told once it is done. */
const done: Readonly<Record<Action, (service: string, delay: string) => string>> = {
  stop: (service) => `The process of ${service} has ended.`,
  start: (service) => `${service} is ready.`,
  restart: (service) => `${service} is ready again.`,
  pause: (service) => `The process of ${service} is held where it is, until 'banyan control resume'.`,
  resume: (service) => `The process of ${service} goes on.`,
  slow: (service, delay) =>
    delay === 'off'
      ? `Calls to ${service} are not held up any more.`
      : `Each call to ${service} is held up for ${delay}, until 'banyan control slow ${service} off' or its next start.`,
  split: (service) => `${service} has a process of its own.`,
  merge: (service) => `${service} shares a process.`,
};

/** `banyan control VERB NAME`: what the Control page of the console does, in development. */
export const control = defineCommand({
  name: 'control',
  usage: 'banyan control VERB NAME [DELAY] [options]',
  summary: 'Stop, start, restart, pause, resume, slow, split or merge a service, in development.',
  options: { dir, data },
  async run(input, terminal) {
    const [verb = '', service, delay, ...others] = input.positionals;
    if (!isAction(verb))
      throw wrong(`There is no 'control ${verb}'. Verbs: ${Object.keys(done).join(', ')}.`);
    if (service === undefined) throw wrong(`Name a service: banyan control ${verb} NAME.`);
    if (others.length > 0 || (verb === 'slow') === (delay === undefined))
      throw wrong(verb === 'slow' ? slowUsage : `'control ${verb}' takes the name of a service and no more.`);
    const delayMs = delay === undefined ? undefined : delayOf(delay);
    const console = await findConsole(input, terminal);
    await console.ask(controlService, {
      service,
      action: verb,
      ...(delayMs === undefined ? undefined : { delayMs }),
    });
    terminal.write(`${done[verb](service, delay ?? '')}\n`);
    return 0;
  },
});

const slowUsage = "Say for how long: banyan control slow NAME 300ms, up to 60s; 'off' ends it.";

function delayOf(text: string): number {
  const delayMs = text === 'off' ? 0 : durationMs(text);
  if (delayMs === undefined || delayMs > 60_000) throw wrong(slowUsage);
  return delayMs;
}

function isAction(verb: string): verb is Action {
  return Object.hasOwn(done, verb);
}
