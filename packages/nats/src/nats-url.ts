import { decodeLogin, LogUrlSettings } from '@banyan/events';
import { natsError } from './errors.ts';

export interface NatsUrl {
  /** `host:port` of some servers of the cluster: they name the others. */
  readonly servers: readonly string[];
  readonly isTls: boolean;
  readonly user?: string;
  readonly password?: string;
  /** In place of a user and a password. */
  readonly token?: string;
  /** Name of the stream, and first token of its subjects. */
  readonly name: string;
  readonly partitions: number;
  readonly replicas: number;
  /** Age at which a stream that is created drops events; 0 keeps them for ever. */
  readonly retentionMs: number;
  /** For how long a stream that is created knows the ids of events. */
  readonly rememberIdsForMs: number;
}

const shape = /^(?<scheme>nats|tls):\/\/(?:(?<login>[^@/?#]*)@)?(?<hosts>[^@/?#]+)\/?(?:\?(?<query>[^#]*))?$/;
const host = /^(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::\d{1,5})?$/;
const parameters = ['name', 'partitions', 'replicas', 'retentionMs', 'rememberIdsForMs'];

/**
 * `nats://user:password@one:4222,two:4222?name=shop&partitions=12&replicas=3`; `tls://` encrypts. Not a WHATWG URL, which has one host only.
 * @throws ServiceError `failed_precondition` `nats_url_invalid`
 */
export function parseNatsUrl(url: string): NatsUrl {
  const { scheme, login, hosts, query } = shape.exec(url)?.groups ?? {};
  if (hosts === undefined) {
    throw invalid('it must look like nats://host:4222,host2:4222?name=shop&partitions=12&replicas=3');
  }
  const servers = hosts.split(',');
  // The text is not repeated: it could hold a password.
  if (!servers.every((server) => host.test(server))) throw invalid('each server must be host or host:port');
  const settings = new LogUrlSettings(query, parameters, invalid);
  const retentionMs = settings.wholeNumber('retentionMs', 0, [0, Number.MAX_SAFE_INTEGER]);
  // NATS refuses to know ids for longer than it keeps events.
  const rememberDefaultMs = retentionMs === 0 ? 120_000 : Math.min(120_000, retentionMs);
  return {
    servers,
    isTls: scheme === 'tls',
    ...parseLogin(login),
    name: settings.text('name', {
      pattern: /^[A-Za-z0-9_-]{1,64}$/,
      rule: 'may have letters, digits, dashes and underscores, 64 at most',
      otherwise: 'banyan',
    }),
    partitions: settings.wholeNumber('partitions', 12, [1, 1_000]),
    replicas: settings.wholeNumber('replicas', 1, [1, 5]),
    retentionMs,
    rememberIdsForMs: settings.wholeNumber('rememberIdsForMs', rememberDefaultMs, [100, 86_400_000]),
  };
}

function parseLogin(login: string | undefined): Pick<NatsUrl, 'user' | 'password' | 'token'> {
  if (login === undefined || login === '') return {};
  const colon = login.indexOf(':');
  if (colon < 0) {
    const [token] = decodeLogin([login], invalid);
    return { token };
  }
  const [user, password] = decodeLogin([login.slice(0, colon), login.slice(colon + 1)], invalid);
  return { user, password };
}

function invalid(reason: string, cause?: unknown) {
  return natsError('nats_url_invalid', {
    message: `The URL of the NATS log cannot be used: ${reason}.`,
    cause,
  });
}
