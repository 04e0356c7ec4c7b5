import { type Clock, type LogFields, type Logger, type LogLevel, logLevels, systemClock } from '@banyan/core';
import { toLogFields } from './log-value.ts';
import { type BoundText, boundText, type LineHead, plainLine } from './plain-line.ts';
import { formatPretty } from './pretty-line.ts';
import { scrubText } from './scrub.ts';

export const logFormats = ['json', 'pretty'] as const;
export type LogFormat = (typeof logFormats)[number];

export interface LoggerOptions {
  /** Takes one line without its line break (`pretty` may break it inside, for stacks). What it throws is dropped. */
  readonly sink: (line: string) => void;
  /** The least severe level that is written. Default `info`. */
  readonly level?: LogLevel;
  /** Default `json`. */
  readonly format?: LogFormat;
  /** Colours of the pretty format. Default false. */
  readonly colors?: boolean;
  readonly clock?: Clock;
  /** On every line; `service` and `traceId` come first. Read once, when the first line is written. */
  readonly fields?: LogFields;
  /** Hears of each line that is written, with its fields made safe as in the line: what exports logs. */
  readonly onLine?: (line: LogLine) => void;
}

/** What one call of a logger wrote. */
export interface LogLine {
  readonly atMs: number;
  readonly level: LogLevel;
  readonly message: string;
  /** `service`, `traceId` and whatever else was given. */
  readonly fields: Readonly<Record<string, unknown>>;
  /** The field `error` as it was given, if it was one. */
  readonly error: Error | undefined;
}

/**
 * Structured logging, one line an entry: `{"time","level","message","service","traceId",…fields}`, time in RFC 3339 UTC. Values under secret names
 * are redacted at any depth (see `isSecretName`), errors carry stack and causes, size and depth are bounded. A field named `time`,
 * `level` or `message` is written as `fields.time` and so on. Logging never throws.
 * @throws TypeError on an unknown level or format
 */
export function createLogger(options: LoggerOptions): Logger {
  const { level = 'info', format = 'json' } = options;
  if (typeof options.sink !== 'function') throw new TypeError('createLogger(): give a function as `sink`.');
  if (!logLevels.includes(level)) {
    throw new TypeError(`createLogger(): level must be one of ${logLevels.join(', ')}.`);
  }
  if (!logFormats.includes(format)) {
    throw new TypeError(`createLogger(): format must be one of ${logFormats.join(', ')}.`);
  }
  const output = { level, format, colors: false, clock: systemClock, onLine: undefined, ...options };
  return new LineLogger(output, new BoundFields(options.fields, undefined));
}

type Output = Required<Omit<LoggerOptions, 'fields' | 'onLine'>> & {
  readonly onLine: LoggerOptions['onLine'] | undefined;
};

/** Fields of `with`, made ready when the first line needs them: most loggers of a request never write one. */
class BoundFields {
  readonly #parent: BoundFields | undefined;
  #raw: LogFields | undefined;
  #ready: Readonly<Record<string, unknown>> | undefined = undefined;
  #text: BoundText | 'not plain' | undefined = undefined;

  constructor(raw: LogFields | undefined, parent: BoundFields | undefined) {
    this.#raw = raw;
    this.#parent = parent;
  }

  get(): Readonly<Record<string, unknown>> {
    if (this.#ready === undefined) {
      this.#ready = { ...this.#parent?.get(), ...safeFields(this.#raw) };
      this.#raw = undefined;
    }
    return this.#ready;
  }

  text(): BoundText | undefined {
    this.#text ??= boundText(this.get()) ?? 'not plain';
    return this.#text === 'not plain' ? undefined : this.#text;
  }
}

class LineLogger implements Logger {
  readonly #output: Output;
  readonly #bound: BoundFields;

  constructor(output: Output, bound: BoundFields) {
    this.#output = output;
    this.#bound = bound;
  }

  debug(message: string, fields?: LogFields): void {
    if (this.#output.level === 'debug') this.#write('debug', message, fields);
  }

  info(message: string, fields?: LogFields): void {
    if (this.#output.level === 'debug' || this.#output.level === 'info') this.#write('info', message, fields);
  }

  warn(message: string, fields?: LogFields): void {
    if (this.#output.level !== 'error') this.#write('warn', message, fields);
  }

  error(message: string, fields?: LogFields): void {
    this.#write('error', message, fields);
  }

  with(fields: LogFields): Logger {
    return new LineLogger(this.#output, new BoundFields(fields, this.#bound));
  }

  #plainLine(head: LineHead, fields: LogFields | undefined): string | undefined {
    try {
      const bound = this.#bound.text();
      return bound && plainLine(head, bound, fields);
    } catch {
      // A getter or a proxy that throws: not plain.
      return undefined;
    }
  }

  #write(level: LogLevel, message: string, fields: LogFields | undefined): void {
    const { clock, colors, format, onLine, sink } = this.#output;
    try {
      const atMs = clock.nowMs();
      const head = { time: new Date(atMs).toISOString(), level, message: textOf(message) };
      const plain = format === 'json' && onLine === undefined ? this.#plainLine(head, fields) : undefined;
      if (plain !== undefined) {
        sink(plain);
        return;
      }
      const all = { ...this.#bound.get(), ...safeFields(fields) };
      const entry = entryOf(head, all);
      sink(format === 'json' ? JSON.stringify(entry) : formatPretty(entry, { level, colors }));
      onLine?.({ atMs, level, message: head.message, fields: all, error: errorOf(fields) });
    } catch {
      // The sink or the clock failed. The work that logs must go on, and there is nowhere left to report to.
    }
  }
}

function entryOf(head: LineHead, fields: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const { service, traceId, ...others } = fields;
  const entry: Record<string, unknown> = { ...head, service, traceId };
  for (const key of Object.keys(others)) {
    const name = Object.hasOwn(head, key) ? `fields.${key}` : key;
    // Defined, not assigned: a field may be named `__proto__`.
    Object.defineProperty(entry, name, {
      value: others[key],
      enumerable: true,
      configurable: true,
      writable: true,
    });
  }
  if (service === undefined) delete entry['service'];
  if (traceId === undefined) delete entry['traceId'];
  return entry;
}

function errorOf(fields: LogFields | undefined): Error | undefined {
  if (fields instanceof Error) return fields;
  const error = fields?.['error'];
  return error instanceof Error ? error : undefined;
}

function safeFields(fields: unknown): Readonly<Record<string, unknown>> | undefined {
  return typeof fields === 'object' && fields !== null ? toLogFields(fields) : undefined;
}

function textOf(message: unknown): string {
  if (typeof message === 'string')
    return message.length > 8_192 ? `${scrubText(message.slice(0, 8_192))}…` : scrubText(message);
  const { message: text } = toLogFields({ message }) as { message?: unknown };
  return typeof text === 'string' ? text : (JSON.stringify(text) ?? 'undefined');
}
