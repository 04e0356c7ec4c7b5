import type { Logger } from '@banyan/core';
import { definitionId } from '../definition/definition.ts';
import type { AttemptOptions, Request } from './command.ts';
import type { DurableContext } from './context.ts';
import type { Execution } from './execution.ts';
import { hashOf } from './journal.ts';
import { placeOfCaller } from './place.ts';

const commandName = /^[A-Za-z][A-Za-z0-9 ._-]{0,99}$/;
const longestMs = 100 * 365 * 86_400_000;

/** What a durable function is given. Its methods work without `this`. */
export function createDurableContext(execution: Execution): DurableContext {
  type Method = (...given: never) => unknown;
  const ask = (method: Method, name: string, request: Request, hash?: string) =>
    execution.ask(name, request, {
      ...(hash === undefined ? undefined : { hash }),
      place: placeOfCaller(method),
    });
  const call: DurableContext['call'] = (operation, input, options) => {
    const name = `${operation.service}.${operation.name}`;
    const request = { kind: 'call', operation, input: copyOf(input), ...attemptsOf(options) } as const;
    return ask(call, name, request, hashOf(input)) as Promise<never>;
  };
  const tx: DurableContext['tx'] = (name, work, options) =>
    ask(tx, checkName('tx', name), {
      kind: 'tx',
      tx: work as never,
      ...attemptsOf(options),
    }) as Promise<never>;
  const run: DurableContext['run'] = (name, work, options) =>
    ask(run, checkName('run', name), { kind: 'run', run: work, ...attemptsOf(options) }) as Promise<never>;
  const sleep: DurableContext['sleep'] = async (ms) => {
    checkMs('sleep', ms);
    await ask(sleep, '', { kind: 'sleep', ms });
  };
  const waitFor: DurableContext['waitFor'] = (name, schema, { timeoutMs } = {}) => {
    if (timeoutMs !== undefined) checkMs('waitFor', timeoutMs);
    return ask(waitFor, checkName('waitFor', name), { kind: 'wait', schema, timeoutMs }) as Promise<never>;
  };
  const child: DurableContext['child'] = (definition, input) => {
    const request = { kind: 'child', definition, input: copyOf(input) } as const;
    return ask(child, definitionId(definition), request, hashOf(input)) as Promise<never>;
  };
  return {
    ...{ id: execution.id, signal: execution.signal, call, tx, run, sleep, waitFor, child },
    log: quietLogger(() => execution.logger),
    progress: (share, text) => {
      if (!(share >= 0 && share <= 1)) throw new TypeError('d.progress: the share is a number from 0 to 1.');
      execution.progress = { share, ...(text === undefined ? undefined : { text: text.slice(0, 200) }) };
    },
    now: () => execution.nowMs,
    random: () => execution.draw().readUIntBE(0, 6) / 2 ** 48,
    randomUUID: () => toUuid(execution.draw()),
  };
}

/** Version 4 of RFC 9562. */
function toUuid(bytes: Buffer): string {
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x40;
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  const hex = bytes.toString('hex', 0, 16);
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
}

/** Asks for the logger at each line: whether answers come from the journal changes. */
function quietLogger(current: () => Logger): Logger {
  return {
    debug: (message, fields) => current().debug(message, fields),
    info: (message, fields) => current().info(message, fields),
    warn: (message, fields) => current().warn(message, fields),
    error: (message, fields) => current().error(message, fields),
    with: (fields) => quietLogger(() => current().with(fields)),
  };
}

/** As the journal compares it: what the function does to its object afterwards changes nothing. */
function copyOf(input: unknown): unknown {
  return JSON.parse(JSON.stringify(input));
}

function attemptsOf(options: AttemptOptions = {}): AttemptOptions {
  const { timeoutMs, maxAttempts } = options;
  if (timeoutMs !== undefined) checkMs('timeoutMs', timeoutMs);
  if (maxAttempts !== undefined && !(Number.isInteger(maxAttempts) && maxAttempts > 0)) {
    throw new TypeError(`'maxAttempts' is a whole number from 1.`);
  }
  return {
    ...(timeoutMs === undefined ? undefined : { timeoutMs }),
    ...(maxAttempts === undefined ? undefined : { maxAttempts }),
  };
}

function checkName(method: string, name: string): string {
  if (commandName.test(name)) return name;
  throw new TypeError(
    `d.${method}('${name}'): a name begins with a letter and has at most 100 letters, digits, spaces or . _ -`,
  );
}

function checkMs(method: string, ms: number): void {
  if (typeof ms === 'number' && ms >= 0 && ms <= longestMs) return;
  throw new TypeError(`d.${method}: the time is a number of milliseconds, at most 100 years.`);
}
