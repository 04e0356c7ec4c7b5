import { type LogFields, type Logger, systemClock } from '@banyan/core';
import { createLogger, type Telemetry } from '@banyan/telemetry';
import type { LogFile } from './log-file.ts';
import type { Settings } from './settings.ts';
import type { Terminal } from './terminal.ts';

export interface RunLoggerOptions {
  readonly log: LogFile;
  readonly terminal: Terminal;
  readonly settings: Settings;
  readonly telemetry: Telemetry;
  /** Shows info lines on the terminal, too. */
  readonly verbose: boolean;
}

/** Every line into the log file as JSON; warnings and errors (everything, if verbose) on the terminal as text for people. */
export function createRunLogger({ log, terminal, settings, telemetry, verbose }: RunLoggerOptions): Logger {
  const file = createLogger({
    sink: (line) => log.write(line),
    level: settings.logLevel,
    format: 'json',
    clock: systemClock,
    onLine: telemetry.onLine,
  });
  const screen = createLogger({
    sink: (line) => terminal.write(`  ${line}\n`),
    level: verbose ? settings.logLevel : 'warn',
    format: 'pretty',
    colors: terminal.interactive,
    clock: systemClock,
  });
  return both(file, verbose ? screen : brief(screen));
}

/** Of a command beside the system: warnings and errors as problems. */
export function createCommandLogger(terminal: Terminal): Logger {
  const screen = createLogger({
    sink: (line) => terminal.fail(line),
    level: 'warn',
    format: 'pretty',
    colors: terminal.interactive,
    clock: systemClock,
  });
  return brief(screen);
}

/** One short line each: the service and what an error says. Stacks and all other fields are in the log file. */
function brief(logger: Logger, service = ''): Logger {
  const shorten = (message: string, fields: LogFields = {}) => {
    const error = fields['error'] instanceof Error ? `: ${fields['error'].message}` : '';
    const from = typeof fields['service'] === 'string' ? fields['service'] : service;
    return `${from === '' ? '' : `${from}: `}${message}${error}`;
  };
  return {
    debug: (message, fields) => logger.debug(shorten(message, fields)),
    info: (message, fields) => logger.info(shorten(message, fields)),
    warn: (message, fields) => logger.warn(shorten(message, fields)),
    error: (message, fields) => logger.error(shorten(message, fields)),
    with: (fields) => brief(logger, typeof fields['service'] === 'string' ? fields['service'] : service),
  };
}

function both(first: Logger, second: Logger): Logger {
  return {
    debug(message, fields) {
      first.debug(message, fields);
      second.debug(message, fields);
    },
    info(message, fields) {
      first.info(message, fields);
      second.info(message, fields);
    },
    warn(message, fields) {
      first.warn(message, fields);
      second.warn(message, fields);
    },
    error(message, fields) {
      first.error(message, fields);
      second.error(message, fields);
    },
    with: (fields) => both(first.with(fields), second.with(fields)),
  };
}
