import { rabbitError } from './errors.ts';

export type RabbitMode = 'streams' | 'queues';

/** What the URL says. */
export interface RabbitSettings {
  readonly connection: {
    readonly protocol: 'amqp' | 'amqps';
    readonly hostname: string;
    readonly port: number;
    readonly username: string;
    readonly password: string;
    readonly vhost: string;
  };
  /** Begins the name of everything that the log declares. */
  readonly name: string;
  readonly partitions: number;
  readonly mode: RabbitMode;
  /** In RabbitMQ's way to write it, such as `30D`; undefined keeps events for ever. */
  readonly maxAge: string | undefined;
}

const known = new Set(['name', 'partitions', 'mode', 'maxAge']);

/** @throws ServiceError `failed_precondition` `rabbit_url_invalid`; the message never holds the password */
export function parseRabbitUrl(text: string): RabbitSettings {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !/^amqps?:$/.test(url.protocol) || url.hostname === '') {
    throw invalid('expected amqp://user:password@host:5672/vhost?name=banyan&partitions=12&mode=streams');
  }
  for (const key of url.searchParams.keys()) {
    if (!known.has(key)) throw invalid(`unknown setting \`${key}\`; there are ${[...known].join(', ')}`);
  }
  const isSecure = url.protocol === 'amqps:';
  const setting = (key: string, pattern: RegExp, byDefault: string): string => {
    const value = url.searchParams.get(key) ?? byDefault;
    if (!pattern.test(value)) throw invalid(`\`${key}\` must match ${pattern.source}`);
    return value;
  };
  const maxAge = setting('maxAge', /^(|[1-9]\d{0,8}[YMDhms])$/, '');
  return {
    connection: {
      protocol: isSecure ? 'amqps' : 'amqp',
      hostname: url.hostname.replace(/^\[|\]$/g, ''),
      port: url.port === '' ? (isSecure ? 5671 : 5672) : Number(url.port),
      username: url.username === '' ? 'guest' : decodeURIComponent(url.username),
      password: url.username === '' ? 'guest' : decodeURIComponent(url.password),
      vhost: url.pathname.length > 1 ? decodeURIComponent(url.pathname.slice(1)) : '/',
    },
    name: setting('name', /^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/, 'banyan'),
    partitions: Number(setting('partitions', /^[1-9]\d{0,2}$/, '12')),
    mode: setting('mode', /^(streams|queues)$/, 'streams') as RabbitMode,
    maxAge: maxAge === '' ? undefined : maxAge,
  };
}

function invalid(message: string) {
  return rabbitError('rabbit_url_invalid', { message: `The URL of the RabbitMQ log: ${message}.` });
}
