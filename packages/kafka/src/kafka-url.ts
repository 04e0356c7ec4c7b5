import { decodeLogin, LogUrlSettings } from '@banyan/events';
import { kafkaError } from './errors.ts';

export interface BrokerAddress {
  readonly host: string;
  readonly port: number;
}

export const saslMechanisms = ['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512'] as const;
export type SaslMechanism = (typeof saslMechanisms)[number];

export interface KafkaLogin {
  readonly mechanism: SaslMechanism;
  readonly user: string;
  readonly password: string;
}

export interface KafkaUrl {
  readonly isTls: boolean;
  /** Undefined: nobody in particular. */
  readonly login: KafkaLogin | undefined;
  /** Some brokers of the cluster: they name the others. */
  readonly brokers: readonly BrokerAddress[];
  readonly prefix: string;
  readonly partitions: number;
  readonly replicas: number;
  readonly minInSyncReplicas: number;
  /** `retention.ms` of topics that are created; -1 keeps events for ever. */
  readonly retentionMs: number;
}

const shape =
  /^(?<scheme>kafka|kafka\+ssl):\/\/(?:(?<user>[^@/?#]*)@)?(?<hosts>[^@/?#]+)\/?(?:\?(?<query>[^#]*))?$/;
const host = /^(?<name>[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::(?<port>\d{1,5}))?$/;
const parameters = ['sasl', 'prefix', 'partitions', 'replicas', 'minInSyncReplicas', 'retentionMs'];

/**
 * `kafka://one:9092,two:9092?prefix=shop.&partitions=12&replicas=3`; `kafka+ssl://user:password@one:9093` encrypts and logs in. Not a WHATWG URL, which
 * has one host only.
 * @throws ServiceError `failed_precondition` `kafka_url_invalid`
 */
export function parseKafkaUrl(url: string): KafkaUrl {
  const { scheme, user, hosts, query } = shape.exec(url)?.groups ?? {};
  if (hosts === undefined) {
    throw invalid('it must look like kafka://host:9092,host2:9092?prefix=shop.&partitions=12&replicas=3');
  }
  const settings = new LogUrlSettings(query, parameters, invalid);
  const replicas = settings.wholeNumber('replicas', 1, [1, 32]);
  const isTls = scheme === 'kafka+ssl';
  return {
    isTls,
    login: parseLogin(user, { isTls, sasl: settings.optional('sasl') }),
    brokers: hosts.split(',').map(parseAddress),
    prefix: settings.text('prefix', {
      pattern: /^[A-Za-z0-9._-]{0,100}$/,
      rule: 'may have letters, digits, dots, dashes and underscores, 100 at most',
      otherwise: '',
    }),
    partitions: settings.wholeNumber('partitions', 12, [1, 1_000]),
    replicas,
    // With three replicas one may be away without stopping anybody, and what is acknowledged is still on two.
    minInSyncReplicas: settings.wholeNumber('minInSyncReplicas', Math.max(1, replicas - 1), [1, replicas]),
    retentionMs: settings.wholeNumber('retentionMs', -1, [-1, Number.MAX_SAFE_INTEGER]),
  };
}

function parseLogin(
  text: string | undefined,
  { isTls, sasl }: { readonly isTls: boolean; readonly sasl: string | undefined },
): KafkaLogin | undefined {
  if (text === undefined) {
    if (sasl !== undefined) throw invalid('sasl needs user:password@ before the hosts');
    return undefined;
  }
  const mechanism = saslMechanisms.find((each) => each === (sasl ?? 'SCRAM-SHA-512').toUpperCase());
  if (mechanism === undefined) throw invalid(`sasl must be one of ${saslMechanisms.join(', ')}`);
  // Anybody on the way could read the password.
  if (mechanism === 'PLAIN' && !isTls) throw invalid('sasl=PLAIN needs kafka+ssl://');
  const [, user = '', password] = /^([^:]+):(.+)$/.exec(text) ?? [];
  if (password === undefined) throw invalid('a login must be user:password');
  const [name, secret] = decodeLogin([user, password], invalid);
  return { mechanism, user: name, password: secret };
}

function parseAddress(text: string): BrokerAddress {
  const { name, port = '9092' } = host.exec(text)?.groups ?? {};
  // The text is not repeated: it could hold a password.
  if (name === undefined || Number(port) < 1 || Number(port) > 65_535) {
    throw invalid('each broker must be host or host:port');
  }
  return { host: name.replace(/^\[|\]$/g, ''), port: Number(port) };
}

function invalid(reason: string, cause?: unknown) {
  return kafkaError('kafka_url_invalid', {
    message: `The URL of the Kafka log cannot be used: ${reason}.`,
    cause,
  });
}
