import { readFile } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { text as readAll } from 'node:stream/consumers';
import { ServiceError } from '@banyan/core';
import type { CommandInput } from '../command.ts';
import { durationMs } from '../durations.ts';
import type { SystemPorts } from '../service-ports.ts';
import type { Terminal } from '../terminal.ts';

export interface VerbInput {
  readonly ports: SystemPorts;
  /** What follows the verb. */
  readonly words: readonly string[];
  readonly options: CommandInput['options'];
  readonly terminal: Terminal;
}

/** One verb of `banyan events`, `banyan saga` or `banyan flow`; resolves with the exit code. */
export type EventVerb = (input: VerbInput) => Promise<number>;

/** The service that the first word names. @throws ServiceError `invalid_argument` `invalid_command_line` */
export function serviceNamed({ words, ports }: VerbInput, verb: string): string {
  const [name] = words;
  if (name !== undefined) return name;
  throw wrong(`Name a service: banyan events ${verb} NAME. With events: ${ports.names.join(', ')}.`);
}

/** Who does it, for the audit. */
export function actor({ options }: VerbInput): string {
  const given = options['by'];
  return typeof given === 'string' && given !== '' ? given : userName();
}

/** Whoever runs this process. */
export function userName(): string {
  try {
    return userInfo().username;
  } catch {
    // A container may run as a number that has no name.
    return `user ${process.getuid?.() ?? 'unknown'}`;
  }
}

/** `--limit`, 1 to 10,000. */
export function limitOf({ options }: Pick<VerbInput, 'options'>): number {
  const given = options['limit'] ?? '50';
  const limit = Number(given);
  if (Number.isInteger(limit) && limit >= 1 && limit <= 10_000) return limit;
  throw wrong(`--limit must be a whole number from 1 to 10000, not '${given}'.`);
}

/** What `--file` holds, or standard input for `-`; `what` says what that is to be. */
export async function readJson({ options }: Pick<VerbInput, 'options'>, what: string): Promise<unknown> {
  const file = options['file'];
  if (typeof file !== 'string') throw wrong(`Give ${what}: --file FILE, or --file - for standard input.`);
  const text = file === '-' ? await readAll(process.stdin) : await readText(file);
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw wrong(`${file}: ${what} is no JSON: ${cause instanceof Error ? cause.message : String(cause)}.`);
  }
}

/** @throws ServiceError `invalid_argument` `invalid_command_line` if there is no such file, or it may not be read */
export async function readText(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (cause) {
    throw wrong(`Cannot read ${file}: ${(cause as NodeJS.ErrnoException).code ?? 'unknown error'}.`);
  }
}

/** `30s`, `15m`, `2h`, `1d`, in milliseconds. */
export function parseDuration(option: string, text: string): number {
  const ms = durationMs(text);
  if (ms !== undefined) return ms;
  throw wrong(`${option} takes a duration such as 30s, 15m, 2h or 1d, not '${text}'.`);
}

/** A point in time: RFC 3339, or how long ago (`15m`). */
export function parseTime(option: string, text: string, nowMs: number): string {
  const agoMs = durationMs(text);
  if (agoMs !== undefined) return new Date(nowMs - agoMs).toISOString();
  const ms = /^\d{4}-\d\d-\d\dT/.test(text) ? Date.parse(text) : Number.NaN;
  if (!Number.isNaN(ms)) return new Date(ms).toISOString();
  throw wrong(`${option} takes a time such as 2026-11-21T08:00:00Z, or 30s, 15m, 2h, 1d ago, not '${text}'.`);
}

export function wrong(message: string): ServiceError {
  return new ServiceError(message, { code: 'invalid_argument', reason: 'invalid_command_line' });
}
