export interface EnvironmentVariable {
  readonly name: string;
  readonly default: string;
  readonly summary: string;
  /** Shown to nobody. */
  readonly isSecret?: true;
}

/** Variables that the platform itself reads; those of a service come from its own configuration schema. */
export const environmentVariables: readonly EnvironmentVariable[] = [
  {
    name: 'PORT',
    default: '8080',
    summary: 'Public port of the gateway; for `serve`, port of the service, by default any free one.',
  },
  {
    name: 'CONSOLE_PORT',
    default: '8090',
    summary:
      'Port of the console, on 127.0.0.1, in development; `0` is any free one, `off` none. If nobody named one and 8090 is taken, any free one.',
  },
  {
    name: 'HOST',
    default: '127.0.0.1',
    summary: 'Address that the gateway listens on; for `serve`, also the services.',
  },
  {
    name: 'BANYAN_ADVERTISE',
    default: '`HOST`',
    summary:
      'For `serve`: where other processes reach its services, `host` or `host:port`, if not where they listen. Needed with `HOST=0.0.0.0`, and behind NAT.',
  },
  {
    name: 'GATEWAY_TLS_CERT',
    default: 'plain HTTP',
    summary:
      'PEM file with the certificate that the gateway shows to its clients, and those that lead to its authority: HTTPS with HTTP/2. Replaced files are used within ten seconds.',
  },
  { name: 'GATEWAY_TLS_KEY', default: 'none', summary: 'PEM file with the key of `GATEWAY_TLS_CERT`.' },
  {
    name: 'DATABASE_URL',
    default: 'embedded',
    summary: 'PostgreSQL server whose role may create databases and roles.',
  },
  {
    name: 'BROKER_URL',
    default: 'the outboxes',
    summary:
      'Event log: nats://, tls:// (NATS), kafka://, kafka+ssl://, amqp://, amqps://, or `postgres` for log tables in the platform’s database. Without it consumers read the outboxes.',
  },
  {
    name: 'BANYAN_LOG_RETENTION',
    default: 'for ever',
    summary:
      'Age at which the log in PostgreSQL forgets events, such as `30d`: longer than any consumer may be away. Brokers have settings of their own in `BROKER_URL`.',
  },
  {
    name: 'CACHE_URL',
    default: 'memory',
    summary:
      'Where replicas of the gateway keep the state of rate limits, not answers: redis://, rediss://, or `postgres` for tables in the platform’s database. Without it each counts in its own memory.',
  },
  {
    name: 'REGISTRY_URL',
    default: 'built-in',
    summary: 'Where services find each other: `static:` addresses.',
  },
  { name: 'BANYAN_PLACEMENT', default: 'one process', summary: 'Groups as for `--groups`, or `split`.' },
  {
    name: 'BANYAN_SECRET',
    default: '.banyan/secret',
    summary: 'Signing key of the system: 32 bytes or more, base64url.',
    isSecret: true,
  },
  {
    name: 'BANYAN_TLS',
    default: 'on in production',
    summary:
      'Mutual TLS between processes: `on`, `off`, or a folder with `SERVICE/tls.crt`, `tls.key` and `ca.crt` for each service and `gateway`.',
  },
  {
    name: 'PROBE_PORT',
    default: 'none',
    summary:
      'For `serve` of one service, or of the gateway alone: port for its health and metrics over plain HTTP, for probes without a certificate.',
  },
  { name: 'BANYAN_DATA', default: '.banyan', summary: 'Folder for databases, logs, keys and stored files.' },
  {
    name: 'BANYAN_CALLBACKS',
    default: 'nowhere',
    summary:
      'Where replies may be posted to: hosts (`hooks.example.com`, `*.example.com`, `*`) and addresses (`10.1.0.0/16`), separated by commas.',
  },
  {
    name: 'BANYAN_INSTANCE',
    default: 'the host’s name for `serve`, `1` for `up`',
    summary:
      'Tells the replicas of a service apart, the same after a restart. A process that finds its name taken by one that lives has `-2`, `-3` … behind it.',
  },
  {
    name: 'BANYAN_ZONE',
    default: 'none',
    summary:
      'Where this process runs, such as a data centre: its calls go to instances of the same zone while those are enough.',
  },
  {
    name: 'BANYAN_LABEL',
    default: 'none',
    summary:
      'Marks the instances of this process, such as `canary`: other processes send them only what a traffic rule sends to the label.',
  },
  {
    name: 'BANYAN_TELEMETRY_SIZE',
    default: '1GB',
    summary: 'What the console keeps of traces, logs and metrics at most: `500MB`, `2GB`.',
  },
  {
    name: 'BANYAN_TELEMETRY_AGE',
    default: '7d',
    summary: 'How long the console keeps them at most.',
  },
  {
    name: 'BANYAN_CONSOLE_URL',
    default: 'none',
    summary: 'For `banyan console`: where browsers reach it, `https://…`, or `http://` on this machine.',
  },
  {
    name: 'BANYAN_CONSOLE_ISSUER',
    default: 'none',
    summary:
      'For `banyan console`: the OpenID provider that operators sign in at, such as `OAUTH_ISSUER` of `@banyan/identity`.',
  },
  {
    name: 'BANYAN_CONSOLE_GATEWAY',
    default: 'none',
    summary:
      'For `banyan console`: where it reaches the gateway. Operators then try operations there, as users with a token of their own would.',
  },
  {
    name: 'BANYAN_CONSOLE_CLIENT',
    default: '`console`',
    summary:
      'Its name there, with `BANYAN_CONSOLE_URL` + `/sign-in/back` as redirect URI, and ID tokens by RS256.',
  },
  {
    name: 'BANYAN_CONSOLE_CLIENT_SECRET',
    default: 'a public client',
    summary: 'Its secret there.',
    isSecret: true,
  },
  {
    name: 'BANYAN_CONSOLE_OPERATORS',
    default: 'none',
    summary: 'Ids of the accounts that may use it, separated by commas.',
  },
  {
    name: 'BANYAN_CONSOLE_SEND_TOKEN',
    default: 'nobody may',
    summary:
      'What senders of telemetry prove themselves with there: `OTEL_EXPORTER_OTLP_HEADERS=authorization=Bearer …` of services. 24 characters or more.',
    isSecret: true,
  },
  {
    name: 'BANYAN_CONSOLE_READ_TOKEN',
    default: 'nobody may',
    summary: 'What programs prove themselves with that read its API or ask `/mcp`. They can change nothing.',
    isSecret: true,
  },
  {
    name: 'BANYAN_ALERT_WEBHOOK',
    default: 'none',
    summary:
      'URL that the console posts each alert, about an objective or a burst of errors, to as JSON, when it begins and when it ends, and each error that is new, or back after it was resolved. In production only beside `banyan console`.',
    isSecret: true,
  },
  {
    name: 'BANYAN_ALERT_MAIL',
    default: 'none',
    summary:
      'Mail server that the console sends the same through: `smtp://user:password@host:587`, `smtps://…`. In production only beside `banyan console`.',
    isSecret: true,
  },
  { name: 'BANYAN_ALERT_MAIL_FROM', default: 'none', summary: 'Address that these mails come from.' },
  {
    name: 'BANYAN_ALERT_MAIL_TO',
    default: 'none',
    summary: 'Addresses that they go to, separated by commas.',
  },
  {
    name: 'BANYAN_ERROR_OWNERS',
    default: 'nobody',
    summary:
      'Who looks after new errors of a service: `orders=ada@example.com,payments=the payments team`. An owner that is a mail address is mailed in the place of `BANYAN_ALERT_MAIL_TO`.',
  },
  {
    name: 'BANYAN_ENV',
    default: 'development',
    summary: '`development`, or `production`: the same as `--production`.',
  },
  { name: 'BANYAN_CALM', default: 'unset', summary: 'Anything: the same as `--calm`.' },
  { name: 'BANYAN_LOG_LEVEL', default: 'info', summary: 'debug, info, warn or error.' },
  {
    name: 'OTEL_EXPORTER_OTLP_ENDPOINT',
    default: 'the console of `up`, else none',
    summary: 'Where spans, log lines and metrics go, as OTLP over HTTP: `http://collector:4318`.',
  },
  {
    name: 'OTEL_EXPORTER_OTLP_HEADERS',
    default: 'none',
    summary: 'Headers of each request there, such as a key: `name=value,name=value`.',
    isSecret: true,
  },
  {
    name: 'OTEL_EXPORTER_OTLP_COMPRESSION',
    default: 'gzip, none on this machine',
    summary: '`gzip` packs large bodies, `none` sends them as they are.',
  },
  { name: 'OTEL_EXPORTER_OTLP_TIMEOUT', default: '10000', summary: 'Milliseconds for one request there.' },
  {
    name: 'OTEL_EXPORTER_ZIPKIN_ENDPOINT',
    default: 'none',
    summary: 'Where spans go in the form of Zipkin: `http://zipkin:9411/api/v2/spans`.',
  },
  {
    name: 'OTEL_TRACES_SAMPLER',
    default: '`parentbased_always_on` in development, else `parentbased_traceidratio`',
    summary:
      'Which traces are kept: `always_on`, `always_off`, `traceidratio`, each also behind `parentbased_`.',
  },
  {
    name: 'OTEL_TRACES_SAMPLER_ARG',
    default: '1 in development, else 0.1',
    summary: 'Share of the traces that is kept, for the samplers with a ratio.',
  },
  {
    name: 'OTEL_METRIC_EXPORT_INTERVAL',
    default: '2000 in development, else 60000',
    summary: 'Milliseconds from one export of the metrics to the next.',
  },
  { name: 'OTEL_SDK_DISABLED', default: 'false', summary: '`true` keeps all of it in the process.' },
  {
    name: 'BANYAN_TRACE_SLOW_MS',
    default: '1000',
    summary:
      'What a process has of a trace is kept, whatever the sampler said, if it took longer, or if something in it failed.',
  },
  {
    name: 'BANYAN_RUN_ID',
    default: 'a new one',
    summary: 'Names one start of the system, for telemetry of all of its processes.',
  },
];

/** Public port if nobody names one. */
export const defaultPort = 8080;
/** Port of the console if nobody names one. */
export const defaultConsolePort = 8090;
