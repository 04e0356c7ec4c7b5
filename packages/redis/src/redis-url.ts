import { redisError } from './errors.ts';

/** What the URL says. */
export interface RedisSettings {
  /** For the client: without our own settings. */
  readonly url: string;
  /** Begins every key. */
  readonly prefix: string;
}

const known = new Set(['prefix']);

/** @throws ServiceError `failed_precondition` `redis_url_invalid`; the message never holds the password */
export function parseRedisUrl(text: string): RedisSettings {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !/^rediss?:$/.test(url.protocol) || url.hostname === '') {
    throw invalid('expected redis://user:password@host:6379/0?prefix=banyan, or rediss:// for TLS');
  }
  if (!/^(\/(\d{1,5})?)?$/.test(url.pathname)) throw invalid('the path must be the number of a database');
  for (const key of url.searchParams.keys()) {
    if (!known.has(key)) throw invalid(`unknown setting \`${key}\`; there is ${[...known].join(', ')}`);
  }
  const prefix = url.searchParams.get('prefix') ?? 'banyan';
  if (!/^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/.test(prefix)) {
    throw invalid('`prefix` must be 1 to 100 letters, digits, dots, dashes or underscores');
  }
  url.search = '';
  return { url: url.href, prefix };
}

function invalid(message: string) {
  return redisError('redis_url_invalid', { message: `The URL of Redis: ${message}.` });
}
