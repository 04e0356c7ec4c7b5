import { type Clock, ServiceError } from '@banyan/core';
import { type EncodedEvent, partitionOf } from '@banyan/events';
import { createInbox, headers, type Msg } from '@nats-io/transport-node';
import { natsError } from './errors.ts';
import type { EventStream } from './event-stream.ts';
import type { LossGuard } from './loss-guard.ts';
import { type JetStreamConnection, toNatsError } from './nats-connection.ts';
import { subjectOf } from './subjects.ts';

export interface PublisherOptions {
  readonly connection: JetStreamConnection;
  readonly stream: EventStream;
  readonly guard: LossGuard;
  readonly partitions: number;
  readonly clock: Clock;
  /** An acknowledgement that takes longer fails its batch. */
  readonly ackTimeoutMs: number;
  /** At most this many messages, of all batches together, wait for their acknowledgement. */
  readonly maxInFlight: number;
}

interface Batch {
  openChains: number;
  isOver: boolean;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/** Events of one key: each is sent when the one before it is acknowledged. */
interface Chain {
  readonly batch: Batch;
  readonly events: EncodedEvent[];
  sent: number;
}

interface InFlight {
  readonly chain: Chain;
  readonly subject: string;
  /** Of the event. */
  readonly id: string;
  readonly sentAtMs: number;
  /** Highest sequence acknowledged when it was sent: its own must be higher. */
  readonly acknowledged: number;
}

interface Ack {
  readonly stream?: string;
  readonly seq?: number;
  readonly duplicate?: boolean;
  readonly error?: { readonly err_code?: number; readonly description?: string };
}

/**
 * Sends events with a window of acknowledgements outstanding. A message in the middle of the window may fail alone: its stream is missing for a
 * moment, a cluster chooses another leader, the connection breaks. So an event is not sent before the one of its key before it is acknowledged.
 *
 * The client's own `publish` does all of this with a timer, a promise and a request object for each message, and takes five times the CPU.
 */
export class Publisher {
  readonly #options: PublisherOptions;
  readonly #inbox = `${createInbox()}.`;
  readonly #inFlight = new Map<string, InFlight>();
  readonly #ready: Chain[] = [];
  /** Index of the first chain of `#ready` that still waits. */
  #readyHead = 0;
  #lastToken = 0;
  #isListening = false;
  #stopTimer: (() => void) | undefined;

  constructor(options: PublisherOptions) {
    this.#options = options;
    const { connection } = options;
    connection.onDown((error) => this.#failAll(error));
    connection.onDenied((subject, error) => this.#failSubject(subject, error));
  }

  async publish(events: readonly EncodedEvent[]): Promise<void> {
    if (events.length === 0) return;
    const { connection, guard } = this.#options;
    if (!connection.isUp) throw this.#downError();
    if (!guard.isSure) await guard.makeSure();
    // It may have been closed meanwhile.
    if (!connection.isUp) throw this.#downError();
    return new Promise((resolve, reject) => {
      const batch: Batch = { openChains: 0, isOver: false, resolve, reject };
      const chains = new Map<string, Chain>();
      for (const event of events) {
        const chain = chains.get(event.key);
        if (chain === undefined) chains.set(event.key, { batch, events: [event], sent: 0 });
        else chain.events.push(event);
      }
      batch.openChains = chains.size;
      this.#listen();
      this.#ready.push(...chains.values());
      this.#send();
    });
  }

  /**
   * The client gives up a subscription that the server refuses, so it is made anew with the next batch, by when the right may be there again. Not as soon as
   * it is refused: that would go round and round.
   */
  #listen(): void {
    if (this.#isListening) return;
    this.#isListening = true;
    this.#options.connection.nc.subscribe(`${this.#inbox}*`, {
      callback: (error, message) => {
        if (error === null) {
          this.#onAck(message);
          return;
        }
        this.#isListening = false;
        this.#failAll(natsError('nats_denied', { cause: error }));
      },
    });
  }

  #downError(): ServiceError {
    return natsError(this.#options.connection.nc.isClosed() ? 'nats_log_closed' : 'nats_unavailable');
  }

  #send(): void {
    while (this.#inFlight.size < this.#options.maxInFlight) {
      const chain = this.#ready[this.#readyHead];
      if (chain === undefined) break;
      this.#readyHead += 1;
      if (!chain.batch.isOver) this.#sendNext(chain);
    }
    // Without a copy for each event, and without growing for ever.
    if (this.#readyHead === this.#ready.length || this.#readyHead > 10_000) {
      this.#ready.splice(0, this.#readyHead);
      this.#readyHead = 0;
    }
    this.#watchTimeouts();
  }

  #sendNext(chain: Chain): void {
    const event = chain.events[chain.sent];
    if (event === undefined) return;
    const { connection, guard, partitions, clock } = this.#options;
    this.#lastToken += 1;
    const token = String(this.#lastToken);
    const head = headers();
    head.set('Nats-Msg-Id', event.id);
    const subject = subjectOf(guard.space, partitionOf(event.key, partitions), event.topic);
    try {
      connection.nc.publish(subject, event.text, { reply: this.#inbox + token, headers: head });
    } catch (cause) {
      this.#fail(chain.batch, connection.isUp ? natsError('nats_unavailable', { cause }) : this.#downError());
      return;
    }
    chain.sent += 1;
    const acknowledged = guard.sequence;
    this.#inFlight.set(token, { chain, subject, id: event.id, sentAtMs: clock.nowMs(), acknowledged });
  }

  #onAck(message: Msg): void {
    const token = message.subject.slice(this.#inbox.length);
    const inFlight = this.#inFlight.get(token);
    // Its batch was given up before.
    if (inFlight === undefined) return;
    this.#inFlight.delete(token);
    const { chain } = inFlight;
    const { batch } = chain;
    const failure = this.#failureOf(message, inFlight);
    if (failure !== undefined) {
      void failure.then((error) => this.#fail(batch, error));
      // Nothing of the batch may follow while the reason is looked for.
      this.#abandon(batch);
    } else if (chain.sent < chain.events.length) {
      this.#ready.push(chain);
    } else {
      batch.openChains -= 1;
      if (batch.openChains === 0 && !batch.isOver) {
        batch.isOver = true;
        batch.resolve();
      }
    }
    this.#send();
  }

  #failureOf(message: Msg, { chain, id, acknowledged }: InFlight): Promise<ServiceError> | undefined {
    // "No responders": no stream takes the subject.
    if (message.headers?.code === 503) return this.#recover();
    const ack = parseAck(message);
    const { stream, guard } = this.#options;
    if (ack.error !== undefined) return Promise.resolve(refusal(ack.error, chain));
    if (ack.stream !== stream.name || ack.seq === undefined) {
      const text = `Another NATS stream, '${ack.stream}', takes the subjects of '${stream.name}'.`;
      return Promise.resolve(natsError('nats_stream_unfit', { message: text }));
    }
    if (ack.duplicate !== true && ack.seq <= acknowledged) {
      return Promise.resolve(guard.lost({ ...guard.space, last: ack.seq }));
    }
    guard.confirmed(ack.seq, id);
    return undefined;
  }

  /** Makes the stream anew if it is gone. */
  async #recover(): Promise<ServiceError> {
    try {
      await this.#options.guard.makeSure();
      return natsError('nats_unavailable');
    } catch (error) {
      return toNatsError(error);
    }
  }

  #fail(batch: Batch, error: ServiceError): void {
    this.#abandon(batch);
    batch.reject(error);
  }

  #abandon(batch: Batch): void {
    if (batch.isOver) return;
    batch.isOver = true;
    for (const [token, { chain }] of this.#inFlight) {
      if (chain.batch === batch) this.#inFlight.delete(token);
    }
  }

  #failSubject(subject: string, error: ServiceError): void {
    for (const { chain, subject: own } of [...this.#inFlight.values()])
      if (own === subject) this.#fail(chain.batch, error);
    this.#send();
  }

  #failAll(error: ServiceError): void {
    const waiting = this.#ready.slice(this.#readyHead);
    const batches = new Set(
      [...this.#inFlight.values(), ...waiting.map((chain) => ({ chain }))].map(({ chain }) => chain.batch),
    );
    this.#ready.length = 0;
    this.#readyHead = 0;
    for (const batch of batches) this.#fail(batch, error);
  }

  /** One timer for all: the oldest message in flight is the first of the map. */
  #watchTimeouts(): void {
    const { clock, ackTimeoutMs } = this.#options;
    if (this.#stopTimer !== undefined || this.#inFlight.size === 0) return;
    this.#stopTimer = clock.setTimer(() => {
      this.#stopTimer = undefined;
      const beforeMs = clock.nowMs() - ackTimeoutMs;
      for (const { chain, sentAtMs } of [...this.#inFlight.values()]) {
        if (sentAtMs > beforeMs) break;
        this.#fail(chain.batch, natsError('nats_unavailable'));
      }
      this.#send();
    }, ackTimeoutMs / 4);
  }
}

function parseAck(message: Msg): Ack {
  try {
    return message.json<Ack>();
  } catch {
    return { error: { description: 'the acknowledgement is no JSON' } };
  }
}

/** "Message size exceeds maximum allowed", by a limit that an operator gave the stream. */
const messageTooLarge = 10_054;

function refusal({ err_code, description }: NonNullable<Ack['error']>, chain: Chain): ServiceError {
  const cause = new Error(`NATS: ${description} (${err_code})`);
  if (err_code !== messageTooLarge) return natsError('nats_unavailable', { cause });
  return new ServiceError('The NATS stream takes no event as large as this.', {
    code: 'invalid_argument',
    reason: 'event_refused',
    details: { ids: chain.events.slice(chain.sent - 1, chain.sent).map(({ id }) => id) },
    cause,
  });
}
