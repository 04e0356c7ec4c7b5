import { createHash } from 'node:crypto';
import type { Problem } from '@banyan/core';

export const commandKinds = ['call', 'tx', 'run', 'sleep', 'wait', 'child'] as const;
export type CommandKind = (typeof commandKinds)[number];

/**
 * One thing that came back to a durable function, in the order in which things came back. Keys are short: there may be thousands.
 */
export interface JournalEntry {
  /** Which of the function's commands it answers, counted from 0 in the order in which the function gave them; -1 for an interruption. */
  readonly i: number;
  readonly k: CommandKind | 'interrupt';
  /** `payments.charge`, or the name that the code gives. */
  readonly n: string;
  /** Hash of the input, for what has one. */
  readonly h?: string;
  /** Epoch milliseconds. */
  readonly t: number;
  /** Result, as JSON. */
  readonly r?: unknown;
  /** What it failed with. */
  readonly e?: Problem;
}

/** An entry that is to be kept. */
export interface NewJournalEntry {
  readonly sagaId: string;
  /** From 0, without gaps. */
  readonly seq: number;
  readonly entry: JournalEntry;
}

/** Equal for inputs that are equal as JSON, whatever the order of their keys. */
export function hashOf(input: unknown): string {
  const text = JSON.stringify(input, sortKeys) ?? 'undefined';
  return createHash('sha256').update(text).digest('base64url').slice(0, 16);
}

function sortKeys(_key: string, value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** `call payments.charge`, `sleep` */
export function wordsFor({ k, n }: Pick<JournalEntry, 'k' | 'n'>): string {
  const kind = k === 'wait' ? 'waitFor' : k;
  return n === '' ? kind : `${kind} '${n}'`;
}
