import { type Clock, type Logger, ServiceError } from '@banyan/core';
import type { EventLog } from '@banyan/events';

interface BrokerOptions {
  readonly url: string;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** What opens the log of each scheme. Imported when it is asked for: nobody loads a client that is not used. */
const openers: Readonly<Record<string, (options: BrokerOptions) => Promise<EventLog>>> = {
  'nats:': async (options) => (await import('@banyan/nats')).createNatsEventLog(options),
  'tls:': async (options) => (await import('@banyan/nats')).createNatsEventLog(options),
  'kafka:': async (options) => (await import('@banyan/kafka')).createKafkaEventLog(options),
  'amqp:': async (options) => (await import('@banyan/rabbitmq')).createRabbitEventLog(options),
  'amqps:': async (options) => (await import('@banyan/rabbitmq')).createRabbitEventLog(options),
};

/**
 * The event log that `BROKER_URL` names; undefined for the built-in one of the platform's database.
 * @throws ServiceError `failed_precondition` `invalid_configuration`; `unavailable` if the broker does not answer
 */
export async function openBroker(
  url: string | undefined,
  options: Pick<BrokerOptions, 'clock' | 'logger'>,
): Promise<EventLog | undefined> {
  if (url === undefined || url === 'postgres') return undefined;
  // Not `new URL`: a list of servers (`kafka://a:9092,b:9092`) is none.
  const scheme = /^([a-z]+:)\/\//.exec(url)?.[1];
  const opener = scheme === undefined ? undefined : openers[scheme];
  if (opener === undefined) {
    throw new ServiceError(
      "BROKER_URL must be 'postgres' or begin with nats://, tls:// (NATS), kafka://, amqp:// or amqps:// (RabbitMQ).",
      { code: 'failed_precondition', reason: 'invalid_configuration' },
    );
  }
  return opener({ url, ...options });
}
