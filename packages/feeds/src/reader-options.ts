import type { Emit } from '@banyan/chassis';
import type { Contract, OutputOf, Schema } from '@banyan/contract';
import type { CausedTransactionOptions, Logger, Sql, Transaction } from '@banyan/core';
import type { Metrics } from '@banyan/telemetry';

/** An entry as a handler gets it. */
export interface FeedEntry<Content = unknown> {
  readonly id: string;
  readonly title: string;
  readonly summary: string;
  /** As the feed has it: RFC 3339. */
  readonly updated: string;
  /** Absolute URL of the resource that the entry tells of. */
  readonly href: string | undefined;
  readonly key: string | undefined;
  /** Embedded in the feed, or fetched from `href`; undefined if there is neither. */
  readonly content: Content;
}

/** What a handler gets beside the entry: one transaction, in which the entry is also marked as handled. */
export interface FeedEntryContext<C extends Contract, Config> {
  readonly sql: Sql;
  readonly emit: Emit<C>;
  readonly config: Config;
  readonly log: Logger;
  /** Aborts when the handler's time is over or the service stops. */
  readonly signal: AbortSignal;
}

export const feedForms = {
  atom: 'application/atom+xml',
  json: 'application/json',
  'json-embedded': 'application/json; entries=embedded',
  'json-feed': 'application/feed+json',
} as const;
/** What the reader asks for. It understands whatever comes, by its content type. */
export type FeedForm = keyof typeof feedForms;

export interface FeedReaderOptions<C extends Contract, ConfigSchema extends Schema, Content extends Schema> {
  /** The configuration of the service that reads, for the types of `url` and others. */
  readonly config?: ConfigSchema;
  /** Address of the feed; the reader is off if it is undefined. */
  readonly url: string | ((config: OutputOf<ConfigSchema>) => string | undefined);
  /** Default `atom`. */
  readonly accept?: FeedForm | ((config: OutputOf<ConfigSchema>) => FeedForm);
  /** Time between polls, in milliseconds, give or take 10 %. Default 30,000. */
  readonly intervalMs?: number | ((config: OutputOf<ConfigSchema>) => number);
  /** Schema of the content. Without it the content is `unknown`. */
  readonly content?: Content;
  /** False: content that is not embedded is not fetched. Default true. */
  readonly fetchContent?: boolean;
  /** Origins beside the feed's own that its links may lead to, such as `https://cdn.example`. */
  readonly trustedOrigins?: readonly string[];
  /**
   * Whether an entry is handled in the trace that it names. Whoever writes the feed can then put the reader's work into any trace whose id they know, so
   * do it for feeds that you trust, such as those of your own system: `always`. Whether the trace is kept is the reader's own decision, whatever the entry
   * says. Default `never`: a trace of its own, with a link to that of the entry.
   */
  readonly continueTraces?: 'never' | 'always';
  /** For one request. Default 10,000. */
  readonly timeoutMs?: number;
  /** For one handler call. Default 20,000; at most 40,000, so that it ends before its lease does. */
  readonly handlerTimeoutMs?: number;
  /** Of one document. Default 8 MiB. */
  readonly maxBytes?: number;
  /** Failures of the handler before an entry is dead. Default 8. */
  readonly maxAttempts?: number;
  /** Called once for each entry with effect, in the order of the feed within a key. */
  handle(
    entry: FeedEntry<OutputOf<Content>>,
    context: FeedEntryContext<C, OutputOf<ConfigSchema>>,
  ): Promise<void>;
}

/** What a reader uses of the context of the background task, or of the operation, that it runs in. */
export interface ReaderHost<C extends Contract, Config> {
  readonly sql: Sql;
  tx<Result>(
    work: (tx: Transaction & { readonly emit: Emit<C> }) => Promise<Result>,
    options?: CausedTransactionOptions,
  ): Promise<Result>;
  readonly config: Config;
  readonly log: Logger;
  readonly signal: AbortSignal;
  /** Of a background task: the reader's figures are on the service's `/metrics`. */
  readonly processMetrics?: Metrics;
}
