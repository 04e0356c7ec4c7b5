import { isIP } from 'node:net';
import { type API, AuthenticationError, Connection, type ResponseError } from '@platformatic/kafka';
import { kafkaError } from './errors.ts';
import type { BrokerAddress, KafkaLogin } from './kafka-url.ts';

export interface ConnectionSettings {
  readonly clientId: string;
  readonly connectTimeoutMs: number;
  /** How long an answer may take beyond what the request itself waits for. */
  readonly requestTimeoutMs: number;
  readonly isTls: boolean;
  readonly login: KafkaLogin | undefined;
}

/** One socket to one broker. Requests are answered in their order, so whatever waits for long needs a connection of its own. */
export interface BrokerConnection {
  readonly isOpen: boolean;
  /**
   * Sends a request and waits for its answer. An answer that names errors is an answer: the errors stand in it.
   * @param waitMs what the request asks the broker to wait for
   * @throws ServiceError `unavailable` `kafka_unavailable` if no answer came in time; the connection is gone then
   */
  request<Words extends unknown[], Answer>(
    api: API<Words, Answer>,
    words: Words,
    waitMs?: number,
  ): Promise<Answer>;
  /** At once; requests in flight are rejected. Idempotent. */
  destroy(): void;
}

/** @throws ServiceError `unavailable` `kafka_unavailable`; `permission_denied` `kafka_denied` if the broker does not take the login */
export async function connectToBroker(
  { host, port }: BrokerAddress,
  settings: ConnectionSettings,
): Promise<BrokerConnection> {
  const { isTls, login } = settings;
  const connection = new Connection(settings.clientId, {
    connectTimeout: settings.connectTimeoutMs,
    // Our own timer ends requests, see `request`; the library's would leave the connection open.
    requestTimeout: 10 * 60_000,
    // A name is told to the broker, so that it can choose its certificate; an address must not be (RFC 6066).
    ...(isTls && { tls: {}, tlsServerName: isIP(host) === 0 }),
    ...(login !== undefined && {
      sasl: { mechanism: login.mechanism, username: login.user, password: login.password },
    }),
  });
  // Errors reach whoever waits for an answer; an emitter without a listener would end the process.
  connection.on('error', () => {});
  try {
    await connection.connect(host, port);
  } catch (cause) {
    connection.socket?.destroy();
    if (isRefusedLogin(cause)) {
      const message = `The Kafka broker ${host}:${port} does not take the login of the URL.`;
      throw kafkaError('kafka_denied', { message, cause });
    }
    throw kafkaError('kafka_unavailable', {
      message: `The Kafka broker ${host}:${port} cannot be reached.`,
      cause,
    });
  }
  return new SocketConnection(connection, `${host}:${port}`, settings.requestTimeoutMs);
}

class SocketConnection implements BrokerConnection {
  readonly #connection: Connection;
  readonly #address: string;
  readonly #requestTimeoutMs: number;
  readonly #waiting = new Set<(cause: unknown) => void>();

  constructor(connection: Connection, address: string, requestTimeoutMs: number) {
    this.#connection = connection;
    this.#address = address;
    this.#requestTimeoutMs = requestTimeoutMs;
    connection.on('close', () => this.#rejectAll(new Error('the connection was closed')));
  }

  get isOpen(): boolean {
    return this.#connection.isConnected();
  }

  request<Words extends unknown[], Answer>(
    api: API<Words, Answer>,
    words: Words,
    waitMs = 0,
  ): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const fail = (cause: unknown) => {
        clearTimeout(timer);
        this.#waiting.delete(fail);
        this.destroy();
        reject(
          kafkaError('kafka_unavailable', {
            message: `The Kafka broker ${this.#address} did not answer.`,
            cause,
          }),
        );
      };
      // A broker that is paused keeps its connections; a late answer must not meet a later question.
      const timeoutMs = waitMs + this.#requestTimeoutMs;
      const timer = setTimeout(() => fail(new Error(`no answer within ${timeoutMs} ms`)), timeoutMs);
      this.#waiting.add(fail);
      api.async(this.#connection, ...words).then(
        (answer) => {
          clearTimeout(timer);
          this.#waiting.delete(fail);
          resolve(answer);
        },
        (error: unknown) => {
          const answer = answerOf<Answer>(error);
          if (answer === undefined) return fail(error);
          clearTimeout(timer);
          this.#waiting.delete(fail);
          resolve(answer);
        },
      );
    });
  }

  destroy(): void {
    this.#connection.socket.destroy();
    this.#rejectAll(new Error('the connection was given up'));
  }

  #rejectAll(cause: unknown): void {
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const fail of waiting) fail(cause);
  }
}

/** The library wraps what it was told, and more than once. */
function isRefusedLogin(error: unknown): boolean {
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    if (cause instanceof AuthenticationError) return true;
  }
  return false;
}

/** The library throws answers that hold an error code, for one partition of many as for all of them. */
function answerOf<Answer>(error: unknown): Answer | undefined {
  return (error as Partial<ResponseError> & { readonly response?: Answer }).response;
}
