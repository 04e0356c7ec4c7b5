import type { Clock, ServiceError } from '@banyan/core';
import { DeliverPolicy } from '@nats-io/jetstream';
import { createInbox, type Msg, type Subscription } from '@nats-io/transport-node';
import { natsError } from './errors.ts';
import type { EventStream } from './event-stream.ts';
import type { JetStreamConnection } from './nats-connection.ts';

export interface FeedOptions {
  readonly connection: JetStreamConnection;
  readonly stream: EventStream;
  readonly clock: Clock;
  /** Messages of these subjects; all of the stream if absent. */
  readonly filter?: string;
  readonly firstSequence: number;
  /** Reads ahead at most this many messages. */
  readonly window: number;
  /** A guess at the size of a message. */
  readonly messageBytes: number;
  /** Called when messages have come, or the feed has failed. */
  readonly onChange: () => void;
}

export interface FeedMessage {
  /** In the stream. */
  readonly sequence: number;
  readonly subject: string;
  readonly message: Msg;
}

/** A pull request lives this long; in between the server says that it is alive. */
const pullLastsMs = 30_000;
const heartbeatMs = 5_000;
/** So much may a feed hold in memory, about. */
const windowBytes = 8 * 1024 * 1024;
const nanosPerMs = 1_000_000;

/**
 * Messages of a stream from one place on, through a consumer of its own at the server, which remembers nothing once the feed is gone. The server numbers
 * what it delivers, so a message that is lost on the way shows, and ends the feed.
 *
 * It speaks the pull protocol of JetStream itself (NATS ADR-13): the client's `consume` asks for more whatever its buffer holds, or costs a promise and
 * an iterator step for each message.
 */
export class Feed {
  readonly #options: FeedOptions;
  readonly #inbox = createInbox();
  #subscription: Subscription | undefined;
  #consumer = '';
  #messages: FeedMessage[] = [];
  #head = 0;
  #received = 0;
  #requested = 0;
  #averageBytes: number;
  #heardAtMs = 0;
  #stopTimer: (() => void) | undefined;
  #failure: ServiceError | undefined;
  #isClosed = false;

  constructor(options: FeedOptions) {
    this.#options = options;
    this.#averageBytes = options.messageBytes;
  }

  /** Why no more messages come after those that have. */
  get failure(): ServiceError | undefined {
    return this.#failure;
  }

  async start(): Promise<void> {
    const { connection, stream, filter, firstSequence, clock } = this.#options;
    const info = await stream.addConsumer({
      deliver_policy: DeliverPolicy.StartSequence,
      opt_start_seq: Math.max(1, firstSequence),
      ...(filter !== undefined && { filter_subject: filter }),
    });
    this.#consumer = info.name;
    if (this.#isClosed) return stream.dropConsumer(info.name);
    if (!connection.isUp) throw natsError('nats_unavailable');
    this.#subscription = connection.nc.subscribe(this.#inbox, {
      callback: (error, message) => {
        if (error) this.fail(natsError('nats_denied', { cause: error }));
        else this.#onMessage(message);
      },
    });
    this.#heardAtMs = clock.nowMs();
    this.#watchHeartbeats();
    this.#pull();
  }

  shift(): FeedMessage | undefined {
    const message = this.#messages[this.#head];
    if (message === undefined) return undefined;
    this.#head += 1;
    if (this.#head === this.#messages.length) {
      this.#messages = [];
      this.#head = 0;
    }
    this.#pull();
    return message;
  }

  /** True if everything that the server holds for this feed was taken. */
  async isDrained(): Promise<boolean> {
    const { connection, stream } = this.#options;
    const info = await connection.ask(() => connection.jsm.consumers.info(stream.name, this.#consumer));
    return info.num_pending === 0 && info.delivered.consumer_seq === this.#received && this.#waiting === 0;
  }

  fail(error: ServiceError): void {
    if (this.#failure !== undefined || this.#isClosed) return;
    this.#failure = error;
    this.#stop();
    this.#options.onChange();
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#stop();
    this.#messages = [];
    this.#head = 0;
    if (this.#consumer !== '') this.#options.stream.dropConsumer(this.#consumer);
  }

  get #waiting(): number {
    return this.#messages.length - this.#head;
  }

  get #isOver(): boolean {
    return this.#isClosed || this.#failure !== undefined;
  }

  /** Asks for more once half of the window is free, so that the next messages travel while these are handled. */
  #pull(): void {
    const window = Math.max(8, Math.min(this.#options.window, Math.floor(windowBytes / this.#averageBytes)));
    const held = this.#requested + this.#waiting;
    if (this.#isOver || held > window / 2) return;
    const { connection, stream } = this.#options;
    const batch = window - held;
    const request = { batch, expires: pullLastsMs * nanosPerMs, idle_heartbeat: heartbeatMs * nanosPerMs };
    try {
      connection.nc.publish(
        `$JS.API.CONSUMER.MSG.NEXT.${stream.name}.${this.#consumer}`,
        JSON.stringify(request),
        { reply: this.#inbox },
      );
      this.#requested += batch;
    } catch (cause) {
      this.fail(natsError('nats_unavailable', { cause }));
    }
  }

  #onMessage(message: Msg): void {
    if (this.#isOver) return;
    this.#heardAtMs = this.#options.clock.nowMs();
    const delivery = parseDelivery(message.reply);
    if (delivery === undefined) {
      this.#onStatus(message);
      return;
    }
    if (delivery.number !== this.#received + 1) {
      this.fail(lostOnTheWay());
      return;
    }
    this.#received += 1;
    this.#requested -= 1;
    this.#averageBytes += (message.data.length + 256 - this.#averageBytes) / 64;
    this.#messages.push({ sequence: delivery.sequence, subject: message.subject, message });
    if (this.#waiting === 1) this.#options.onChange();
  }

  #onStatus({ headers }: Msg): void {
    const code = headers?.code ?? 0;
    if (code === 100) {
      // Shows the loss of the last message before a pause, which no later number shows.
      if (Number(headers?.get('Nats-Last-Consumer') ?? 0) > this.#received) this.fail(lostOnTheWay());
      return;
    }
    // 404, 408: the request is over; 409 with a rest: the same, for a limit of the server.
    const rest = Number(headers?.get('Nats-Pending-Messages') ?? 0);
    if (code === 404 || code === 408 || (code === 409 && rest > 0)) {
      this.#requested = Math.max(0, this.#requested - rest);
      this.#pull();
      return;
    }
    const cause = new Error(`NATS: ${headers?.description ?? 'no answer'} (${code})`);
    this.fail(natsError('nats_unavailable', { cause }));
  }

  #watchHeartbeats(): void {
    const { clock } = this.#options;
    this.#stopTimer = clock.setTimer(() => {
      const isSilent = clock.nowMs() - this.#heardAtMs > 3 * heartbeatMs;
      if (this.#requested > 0 && isSilent) this.fail(natsError('nats_unavailable'));
      else this.#watchHeartbeats();
    }, heartbeatMs);
  }

  #stop(): void {
    this.#stopTimer?.();
    this.#subscription?.unsubscribe();
  }
}

/**
 * `$JS.ACK.<stream>.<consumer>.<times delivered>.<sequence>.<number of the delivery>.<time>.<pending>`; newer servers put domain and account
 * before the stream. Undefined for what is no message of the stream.
 */
function parseDelivery(reply: string | undefined): { sequence: number; number: number } | undefined {
  if (reply === undefined || !reply.startsWith('$JS.ACK.')) return undefined;
  const tokens = reply.split('.');
  const at = tokens.length === 9 ? 5 : 7;
  return { sequence: Number(tokens[at]), number: Number(tokens[at + 1]) };
}

function lostOnTheWay(): ServiceError {
  return natsError('nats_unavailable', { message: 'A message of the NATS stream was lost on its way.' });
}
