import { decodeLogin, LogUrlSettings } from '@banyan/events';
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

const parameters = ['name', 'partitions', 'mode', 'maxAge'];

/** @throws ServiceError `failed_precondition` `rabbit_url_invalid`; the message never holds the password */
export function parseRabbitUrl(text: string): RabbitSettings {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !/^amqps?:$/.test(url.protocol) || url.hostname === '') {
    throw invalid(
      'it must look like amqp://user:password@host:5672/vhost?name=banyan&partitions=12&mode=streams',
    );
  }
  const settings = new LogUrlSettings(url.searchParams, parameters, invalid);
  const isSecure = url.protocol === 'amqps:';
  const login = url.username === '' ? ['guest', 'guest'] : [url.username, url.password];
  const [username = '', password = '', vhost = ''] = decodeLogin([...login, url.pathname.slice(1)], invalid);
  const maxAge = settings.text('maxAge', {
    pattern: /^(|[1-9]\d{0,8}[YMDhms])$/,
    rule: 'must be a number and one of Y, M, D, h, m, s, such as 30D',
    otherwise: '',
  });
  return {
    connection: {
      protocol: isSecure ? 'amqps' : 'amqp',
      hostname: url.hostname.replace(/^\[|\]$/g, ''),
      port: url.port === '' ? (isSecure ? 5671 : 5672) : Number(url.port),
      username,
      password,
      vhost: vhost === '' ? '/' : vhost,
    },
    name: settings.text('name', {
      pattern: /^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/,
      rule: 'may have letters, digits, dots, dashes and underscores, 100 at most',
      otherwise: 'banyan',
    }),
    partitions: settings.wholeNumber('partitions', 12, [1, 999]),
    mode: settings.text('mode', {
      pattern: /^(streams|queues)$/,
      rule: 'must be streams or queues',
      otherwise: 'streams',
    }) as RabbitMode,
    maxAge: maxAge === '' ? undefined : maxAge,
  };
}

function invalid(reason: string, cause?: unknown) {
  return rabbitError('rabbit_url_invalid', {
    message: `The URL of the RabbitMQ log cannot be used: ${reason}.`,
    cause,
  });
}
