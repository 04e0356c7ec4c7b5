import type { Command } from './command.ts';
import { audit } from './commands/audit.ts';
import { check } from './commands/check.ts';
import { runConsole } from './commands/console.ts';
import { control } from './commands/control.ts';
import { depth } from './commands/depth.ts';
import { describe } from './commands/describe.ts';
import { events } from './commands/events.ts';
import { flow } from './commands/flow.ts';
import { graph } from './commands/graph.ts';
import { logs } from './commands/logs.ts';
import { passwords } from './commands/passwords.ts';
import { policy } from './commands/policy.ts';
import { reset } from './commands/reset.ts';
import { routes } from './commands/routes.ts';
import { saga } from './commands/saga.ts';
import { serve } from './commands/serve.ts';
import { sidecar } from './commands/sidecar.ts';
import { status } from './commands/status.ts';
import { top } from './commands/top.ts';
import { trace } from './commands/trace.ts';
import { up } from './commands/up.ts';

/** Every command, in the order of help and of the reference page. */
export const commands: readonly Command[] = [
  up,
  serve,
  check,
  routes,
  graph,
  describe,
  events,
  audit,
  policy,
  sidecar,
  saga,
  flow,
  passwords,
  status,
  logs,
  trace,
  top,
  depth,
  control,
  runConsole,
  reset,
];
