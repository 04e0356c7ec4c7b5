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
  const values = new URLSearchParams(query ?? '');
  for (const name of values.keys()) {
    if (!parameters.includes(name)) throw invalid(`it knows no '${name}', only ${parameters.join(', ')}`);
  }
  const number = (name: string, otherwise: number, [least, most]: readonly [number, number]) => {
    const text = values.get(name);
    const value = text === null ? otherwise : Number(text);
    if (text === '' || !Number.isInteger(value) || value < least || value > most) {
      throw invalid(`${name} must be a whole number from ${least} to ${most}`);
    }
    return value;
  };
  const name = values.get('name') ?? 'banyan';
  if (!/^[A-Za-z0-9_-]{1,64}$/.test(name)) {
    throw invalid('name may have letters, digits, dashes and underscores, 64 at most');
  }
  const retentionMs = number('retentionMs', 0, [0, Number.MAX_SAFE_INTEGER]);
  // NATS refuses to know ids for longer than it keeps events.
  const rememberDefaultMs = retentionMs === 0 ? 120_000 : Math.min(120_000, retentionMs);
  return {
    servers,
    isTls: scheme === 'tls',
    ...parseLogin(login),
    name,
    partitions: number('partitions', 12, [1, 1_000]),
    replicas: number('replicas', 1, [1, 5]),
    retentionMs,
    rememberIdsForMs: number('rememberIdsForMs', rememberDefaultMs, [100, 86_400_000]),
  };
}

function parseLogin(login: string | undefined): Pick<NatsUrl, 'user' | 'password' | 'token'> {
  if (login === undefined || login === '') return {};
  try {
    const colon = login.indexOf(':');
    if (colon < 0) return { token: decodeURIComponent(login) };
    return {
      user: decodeURIComponent(login.slice(0, colon)),
      password: decodeURIComponent(login.slice(colon + 1)),
    };
  } catch (cause) {
    throw invalid('user and password must be percent-encoded', cause);
  }
}

function invalid(reason: string, cause?: unknown) {
  return natsError('nats_url_invalid', {
    message: `The URL of the NATS log cannot be used: ${reason}.`,
    cause,
  });
}
