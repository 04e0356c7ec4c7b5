import { setTimeout as pause } from 'node:timers/promises';
import { type Clock, isServiceError, type Logger, ServiceError } from '@banyan/core';
import type { EventLog } from '@banyan/events';
import { invalid } from './invalid-setting.ts';

interface BrokerOptions {
  readonly url: string;
  readonly clock: Clock;
  readonly logger: Logger;
}

type Opener = (options: BrokerOptions) => Promise<EventLog>;

/** What opens the log of each scheme. Imported when it is asked for: nobody loads a client that is not used. */
const openers: Readonly<Record<string, Opener>> = {
  'nats:': async (options) => (await import('@banyan/nats')).createNatsEventLog(options),
  'tls:': async (options) => (await import('@banyan/nats')).createNatsEventLog(options),
  'kafka+ssl:': async (options) => (await import('@banyan/kafka')).createKafkaEventLog(options),
  'kafka:': async (options) => (await import('@banyan/kafka')).createKafkaEventLog(options),
  'amqp:': async (options) => (await import('@banyan/rabbitmq')).createRabbitEventLog(options),
  'amqps:': async (options) => (await import('@banyan/rabbitmq')).createRabbitEventLog(options),
};

/** @throws ServiceError `failed_precondition` `invalid_configuration` for a scheme that no engine has */
export function checkBrokerUrl(url: string | undefined): void {
  openerOf(url);
}

/**
 * The event log that `BROKER_URL` names; undefined for the built-in one of the platform's database.
 * @throws ServiceError `failed_precondition` `invalid_configuration`; `unavailable` if the broker does not answer
 */
export async function openBroker(
  url: string | undefined,
  options: Pick<BrokerOptions, 'clock' | 'logger'>,
): Promise<EventLog | undefined> {
  const opener = openerOf(url);
  if (url === undefined || opener === undefined) return undefined;
  try {
    return await opener({ url, ...options });
  } catch (cause) {
    if (!isServiceError(cause) || cause.code !== 'unavailable') throw cause;
    throw new ServiceError(`The broker of BROKER_URL, ${placeOf(url)}, does not answer.`, {
      code: 'unavailable',
      reason: 'broker_unavailable',
      cause,
    });
  }
}

const waitBackoff = { firstMs: 250, maxMs: 5_000 };

/** As {@link openBroker}, and waits for a broker that starts later than the system. @throws the reason of `signal` as well */
export async function awaitBroker(
  url: string | undefined,
  { signal, ...options }: Pick<BrokerOptions, 'clock' | 'logger'> & { readonly signal: AbortSignal },
): Promise<EventLog | undefined> {
  for (let delayMs = waitBackoff.firstMs; ; delayMs = Math.min(delayMs * 2, waitBackoff.maxMs)) {
    try {
      return await openBroker(url, options);
    } catch (error) {
      if (!isServiceError(error) || error.code !== 'unavailable') throw error;
      options.logger.warn('waiting for the broker', { error, retryInMs: delayMs });
    }
    // Not the clock's timers: nothing else keeps the process alive yet.
    await pause(delayMs, undefined, { signal });
  }
}

function openerOf(url: string | undefined): Opener | undefined {
  if (url === undefined || url === 'postgres') return undefined;
  // Not `new URL`: a list of servers (`kafka://a:9092,b:9092`) is none.
  const scheme = /^([a-z+]+:)\/\//.exec(url)?.[1];
  const opener = scheme === undefined ? undefined : openers[scheme];
  if (opener !== undefined) return opener;
  throw invalid(
    "BROKER_URL must be 'postgres' or begin with nats://, tls:// (NATS), kafka://, kafka+ssl://, amqp:// or amqps:// (RabbitMQ).",
  );
}

/** Scheme and servers, without what may be secret. */
function placeOf(url: string): string {
  const [scheme = '', rest = ''] = url.split('://');
  const [authority = ''] = rest.split(/[/?]/);
  return `${scheme}://${authority.slice(authority.lastIndexOf('@') + 1)}`;
}
