import type { LogLevel } from '@banyan/core';

const reset = '\u001b[0m';
const dim = '\u001b[2m';
const colorOf: Readonly<Record<LogLevel, string>> = {
  debug: '\u001b[36m',
  info: '\u001b[32m',
  warn: '\u001b[33m',
  error: '\u001b[31m',
};

export interface PrettyLineOptions {
  readonly level: LogLevel;
  readonly colors: boolean;
}

/** One entry for a terminal: time, level, message and fields on one line, stacks of errors below. Control characters are made visible. */
export function formatPretty(entry: Readonly<Record<string, unknown>>, options: PrettyLineOptions): string {
  const { time, level: _, message, ...fields } = entry;
  const paint = (color: string, text: string) => (options.colors ? `${color}${text}${reset}` : text);
  const parts = [
    paint(dim, String(time).slice(11, 23)),
    paint(colorOf[options.level], options.level.toUpperCase().padEnd(5)),
    visible(String(message)),
  ];
  const stacks: string[] = [];
  for (const [key, value] of Object.entries(fields)) {
    if (isErrorRecord(value)) stacks.push(...stackLines(value, visible(key)));
    else parts.push(paint(dim, `${visible(key)}=`) + formatValue(value));
  }
  return [parts.join(' '), ...stacks].join('\n');
}

interface ErrorRecord {
  readonly stack: string;
  readonly [field: string]: unknown;
}

function isErrorRecord(value: unknown): value is ErrorRecord {
  return (
    typeof value === 'object' && value !== null && typeof (value as { stack?: unknown }).stack === 'string'
  );
}

function stackLines(error: ErrorRecord, title: string): readonly string[] {
  const { name: _name, message: _message, stack, cause, ...rest } = error;
  const known = Object.entries(rest).map(([key, value]) => ` ${visible(key)}=${formatValue(value)}`);
  const [first = '', ...others] = stack.split('\n').map(visible);
  const lines = [`  ${title}: ${first}${known.join('')}`, ...others.map((line) => `  ${line}`)];
  if (isErrorRecord(cause)) return [...lines, ...stackLines(cause, 'caused by')];
  return cause === undefined ? lines : [...lines, `  caused by: ${formatValue(cause)}`];
}

function formatValue(value: unknown): string {
  if (typeof value === 'string' && /^[\w.:/@[\]-]+$/.test(value)) return value;
  return visible(JSON.stringify(value) ?? '');
}

/** A terminal obeys control characters, and a log line may hold what an attacker sent. */
function visible(text: string): string {
  return text.replace(
    /[\p{Cc}\u202a-\u202e\u2066-\u2069]/gu,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
