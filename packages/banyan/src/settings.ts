import { join, resolve } from 'node:path';
import { isSystemKey } from '@banyan/auth';
import type { EdgeTls, Service } from '@banyan/chassis';
import { loadEnvironment } from '@banyan/config';
import { type LogLevel, logLevels, uuidv7 } from '@banyan/core';
import { readTelemetrySettings, type TelemetrySettings } from '@banyan/telemetry';
import { type AlertMail, parseAlertMail } from './alert-mail.ts';
import { checkBrokerUrl } from './brokers.ts';
import { type CertificateSource, parseTls } from './certificates.ts';
import type { CommandInput } from './command.ts';
import { durationMs } from './durations.ts';
import { checkCacheUrl } from './edge-state.ts';
import { checkRegistryUrl } from './engines.ts';
import { defaultConsolePort, environmentVariables } from './environment.ts';
import { parseErrorOwners } from './error-owners.ts';
import { invalid } from './invalid-setting.ts';
import type { Terminal } from './terminal.ts';

/** What the platform itself was told by flags, the environment and `.env`; flags win, then the environment. */
export interface Settings {
  readonly development: boolean;
  /** Repeated deliveries and random delays, so that they are not seen for the first time in production. */
  readonly harsh: boolean;
  readonly host: string;
  /** `BANYAN_ADVERTISE`, as it was given. */
  readonly advertise: string | undefined;
  /** Undefined if nobody named one. */
  readonly port: number | undefined;
  /** Undefined: no console. `preferred` gives way to any free one. */
  readonly consolePort: number | 'preferred' | undefined;
  /** Of a console that runs by itself. */
  readonly alonePort: number;
  readonly databaseUrl: string | undefined;
  readonly brokerUrl: string | undefined;
  readonly cacheUrl: string | undefined;
  /** Age at which the log in PostgreSQL forgets events; undefined keeps them for ever. */
  readonly logRetentionMs: number | undefined;
  readonly registryUrl: string | undefined;
  /** Where replies may be posted to; see `HostOptions.callbacks`. */
  readonly callbacks: readonly string[];
  /** See `HostOptions.instance`. Undefined if nobody named one. */
  readonly instance: string | undefined;
  /** See `HostOptions.zone`. */
  readonly zone: string | undefined;
  /** See `HostOptions.label`. */
  readonly label: string | undefined;
  readonly placement: string | undefined;
  readonly secret: string | undefined;
  /** Undefined: connections between processes are plain. */
  readonly tls: CertificateSource | undefined;
  /** What the gateway's clients speak TLS with; undefined for plain HTTP. */
  readonly publicTls: EdgeTls | undefined;
  readonly probePort: number | undefined;
  readonly logLevel: LogLevel;
  /** What leaves the process besides its log lines, and where it goes. */
  readonly telemetry: TelemetrySettings;
  /** How much the console keeps, and who is told of alerts and errors. */
  readonly telemetryStore: {
    readonly maxBytes: number | undefined;
    readonly maxAgeMs: number | undefined;
    readonly alertWebhook: string | undefined;
    readonly alertMail: AlertMail | undefined;
    readonly errorOwners: Readonly<Record<string, string>>;
  };
  /** Everything that a service's configuration may be read from. */
  readonly source: Readonly<Record<string, string | undefined>>;
  /** Variables in `source` that nobody gave: the console named itself. */
  readonly fromConsole: readonly string[];
  /** Variables that look like a mistyped one. */
  readonly warnings: readonly string[];
}

/** @throws ServiceError `failed_precondition` `invalid_configuration`, or what is wrong with `.env`, with file and line */
export function readSettings(
  directory: string,
  services: readonly Service[],
  { input, terminal }: { readonly input: CommandInput; readonly terminal: Terminal },
): Settings {
  const { source, warnings } = loadEnvironment({
    env: terminal.environment,
    files: [join(directory, '.env')],
    services,
    known: environmentVariables.map((each) => each.name),
  });
  // An empty variable counts as not set, as it does for the configuration of services.
  const given = (name: string) => source[name] || undefined;
  const development = isDevelopment(given('BANYAN_ENV')) && input.options['production'] !== true;
  checkBrokerUrl(given('BROKER_URL'));
  checkCacheUrl(given('CACHE_URL'));
  checkRegistryUrl(given('REGISTRY_URL'));
  return {
    development,
    harsh: development && input.options['calm'] !== true && given('BANYAN_CALM') === undefined,
    host: given('HOST') ?? '127.0.0.1',
    advertise: given('BANYAN_ADVERTISE'),
    port: parsePort(input.options['port'] ?? given('PORT')),
    consolePort:
      development && input.options['no-console'] !== true && given('CONSOLE_PORT') !== 'off'
        ? (parsePort(given('CONSOLE_PORT'), 'CONSOLE_PORT') ?? 'preferred')
        : undefined,
    alonePort:
      given('CONSOLE_PORT') === 'off'
        ? defaultConsolePort
        : (parsePort(given('CONSOLE_PORT'), 'CONSOLE_PORT') ?? defaultConsolePort),
    databaseUrl: given('DATABASE_URL'),
    brokerUrl: given('BROKER_URL'),
    cacheUrl: given('CACHE_URL'),
    logRetentionMs: parseRetention(given('BANYAN_LOG_RETENTION'), given('BROKER_URL')),
    registryUrl: given('REGISTRY_URL'),
    callbacks: (given('BANYAN_CALLBACKS') ?? '')
      .split(',')
      .map((each) => each.trim())
      .filter((each) => each !== ''),
    instance: parseInstance(given('BANYAN_INSTANCE')),
    zone: given('BANYAN_ZONE'),
    label: given('BANYAN_LABEL'),
    placement: given('BANYAN_PLACEMENT'),
    secret: parseSecret(given('BANYAN_SECRET')),
    publicTls: parsePublicTls(directory, given('GATEWAY_TLS_CERT'), given('GATEWAY_TLS_KEY')),
    tls: parseTls(given('BANYAN_TLS'), { directory, development }),
    probePort: parsePort(given('PROBE_PORT'), 'PROBE_PORT'),
    logLevel: parseLogLevel(given('BANYAN_LOG_LEVEL') ?? 'info'),
    telemetryStore: {
      maxBytes: parseSize(given('BANYAN_TELEMETRY_SIZE'), 'BANYAN_TELEMETRY_SIZE'),
      maxAgeMs: parseAge(given('BANYAN_TELEMETRY_AGE'), 'BANYAN_TELEMETRY_AGE'),
      alertWebhook: parseWebhook(given('BANYAN_ALERT_WEBHOOK')),
      alertMail: parseAlertMail(given),
      errorOwners: parseErrorOwners(given('BANYAN_ERROR_OWNERS')),
    },
    telemetry: readTelemetrySettings(source, { development, runId: uuidv7() }),
    source,
    fromConsole: [],
    warnings: warnings.map((warning) => warning.message),
  };
}

/** A mistyped `prod` would otherwise run stand-ins and faults where real users are. */
function isDevelopment(value = 'development'): boolean {
  if (value === 'development' || value === 'production') return value === 'development';
  throw invalid(`BANYAN_ENV must be development or production, not '${value}'.`);
}

function parseInstance(value: string | undefined): string | undefined {
  if (value === undefined || /^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/.test(value)) return value;
  throw invalid(
    `BANYAN_INSTANCE takes at most 63 letters, digits, '.', '_' and '-', with a letter or digit first, not '${value}'.`,
  );
}

/** Before anything is derived from it: the passwords of roles would have to be changed again. Never quoted. */
function parseSecret(value: string | undefined): string | undefined {
  if (value === undefined || isSystemKey(value)) return value;
  throw invalid(
    "BANYAN_SECRET must be base64url text of at least 32 bytes, such as 'openssl rand -base64 32 | tr +/ -_ | tr -d =' makes.",
  );
}

function parsePublicTls(
  directory: string,
  certificate: string | undefined,
  key: string | undefined,
): EdgeTls | undefined {
  if (certificate === undefined && key === undefined) return undefined;
  if (certificate === undefined || key === undefined)
    throw invalid('GATEWAY_TLS_CERT and GATEWAY_TLS_KEY belong together: set both, or none.');
  return { certificateFile: resolve(directory, certificate), keyFile: resolve(directory, key) };
}

function parsePort(value: string | boolean | undefined, name = 'PORT'): number | undefined {
  if (value === undefined) return undefined;
  const port = Number(value);
  if (Number.isInteger(port) && port >= 0 && port <= 65_535 && value !== '') return port;
  throw invalid(`${name} must be a whole number from 0 to 65535, not '${value}'.`);
}

function parseRetention(value: string | undefined, broker: string | undefined): number | undefined {
  if (value === undefined) return undefined;
  // A broker would not obey, and whoever counts on it would fill the disk, or look in vain for what is gone.
  if (broker !== undefined && broker !== 'postgres')
    throw invalid('BANYAN_LOG_RETENTION is for the log in PostgreSQL; a broker is told in BROKER_URL.');
  const ms = durationMs(value);
  if (ms !== undefined && ms > 0) return ms;
  throw invalid(`BANYAN_LOG_RETENTION takes a duration such as 12h or 30d, not '${value}'.`);
}

const bytesOfUnit: Readonly<Record<string, number>> = { MB: 1024 ** 2, GB: 1024 ** 3 };

function parseSize(value: string | undefined, name: string): number | undefined {
  if (value === undefined) return undefined;
  const [, count, unit = ''] = /^(\d{1,6})(MB|GB)$/.exec(value) ?? [];
  if (count !== undefined && Number(count) > 0) return Number(count) * (bytesOfUnit[unit] ?? 0);
  throw invalid(`${name} takes a size such as 500MB or 2GB, not '${value}'.`);
}

function parseAge(value: string | undefined, name: string): number | undefined {
  if (value === undefined) return undefined;
  const ms = durationMs(value);
  if (ms !== undefined && ms > 0) return ms;
  throw invalid(`${name} takes a duration such as 12h or 7d, not '${value}'.`);
}

function parseWebhook(value: string | undefined): string | undefined {
  if (value === undefined || /^https?:$/.test(URL.parse(value)?.protocol ?? '')) return value;
  throw invalid('BANYAN_ALERT_WEBHOOK must be an http or https URL.');
}

function parseLogLevel(value: string): LogLevel {
  const level = logLevels.find((each) => each === value);
  if (level === undefined)
    throw invalid(`BANYAN_LOG_LEVEL must be one of ${logLevels.join(', ')}, not '${value}'.`);
  return level;
}
