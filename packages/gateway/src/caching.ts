import type { EdgeOptions } from '@banyan/chassis';
import type { Operation } from '@banyan/contract';
import { type Destination, destinationText } from '@banyan/discovery';
import type { CloudEvent } from '@banyan/events';
import { type AnswerCache, createAnswerCache } from './answer-cache.ts';
import { tagOfOperation, tagOfParameters, tagOfPath } from './cache-rule.ts';
import type { ExposedRoute } from './exposure.ts';
import type { CacheOutcome } from './gateway-metrics.ts';
import { createKeptAccess } from './kept-access.ts';
import { createPurgeFeed, nameOfEvent, type PurgeFeed } from './purge-feed.ts';
import { createResponseCache, type ResponseCache } from './response-cache.ts';

/** What one gateway keeps, and how it learns that it is outdated. */
export interface Caching {
  /** Undefined for an operation whose answers are not kept. */
  cacheOf(route: ExposedRoute, to: Destination): AnswerCache | undefined;
  /** Something was changed at `path`, and perhaps at `location` (RFC 9111, 4.4). */
  changed(path: string, location: string | undefined): void;
  start(): void;
  stop(): Promise<void>;
}

export interface CachingOptions extends Pick<EdgeOptions, 'clock' | 'logger' | 'log' | 'policies'> {
  readonly routes: readonly ExposedRoute[];
  readonly maxBytes: number;
  /** What became of a request for an answer that may be kept. */
  readonly onOutcome: (operation: Operation, outcome: CacheOutcome) => void;
}

export function createCaching(options: CachingOptions): Caching {
  return options.routes.some((route) => route.policy.cache !== undefined) ? new RouteCaching(options) : none;
}

const none: Caching = {
  cacheOf: () => undefined,
  changed: () => undefined,
  start: () => undefined,
  stop: () => Promise.resolve(),
};

class RouteCaching implements Caching {
  readonly #options: CachingOptions;
  readonly #cache: ResponseCache;
  /** The operations that an event outdates, by its topic. */
  readonly #purgedBy = new Map<string, ExposedRoute[]>();
  readonly #feed: PurgeFeed | undefined;

  constructor(options: CachingOptions) {
    const { routes, clock, logger, log, maxBytes } = options;
    this.#options = options;
    this.#cache = createResponseCache({ clock, maxBytes });
    for (const route of routes) {
      for (const event of route.policy.cache?.purgedBy ?? []) {
        const topic = `${route.contract.name}.${event}`;
        this.#purgedBy.set(topic, [...(this.#purgedBy.get(topic) ?? []), route]);
      }
    }
    if (this.#purgedBy.size === 0 || log === undefined) return;
    // Replicas would share one queue, and each hear a part of the events.
    if (!log.features.replay) {
      logger.warn('answers that events purge are not cached: this event log has queues, not streams');
      return;
    }
    this.#feed = createPurgeFeed({
      log,
      topics: [...this.#purgedBy.keys()],
      onEvent: (event) => this.#hear(event),
      onGap: () => this.#purgeAll(),
      clock,
      logger,
    });
  }

  cacheOf(
    { operation, policy: { cache: rule, access } }: ExposedRoute,
    to: Destination,
  ): AnswerCache | undefined {
    if (rule === undefined) return undefined;
    const waitsForEvents = (rule.purgedBy ?? []).length > 0;
    return createAnswerCache({
      operation,
      from: destinationText(to),
      rule,
      isOpen: access === 'anyone',
      cache: this.#cache,
      clock: this.#options.clock,
      mayGive: createKeptAccess(operation, this.#options.policies),
      onOutcome: (outcome) => this.#options.onOutcome(operation, outcome),
      hearsPurges: waitsForEvents ? () => this.#feed?.isCurrent === true : () => true,
    });
  }

  changed(path: string, location: string | undefined): void {
    this.#cache.purge(tagOfPath(path));
    if (location?.startsWith('/')) this.#cache.purge(tagOfPath(location.replace(/[?#].*$/s, '')));
  }

  start(): void {
    this.#feed?.start();
  }

  async stop(): Promise<void> {
    await this.#feed?.stop();
  }

  #hear(event: CloudEvent): void {
    const { service, name } = nameOfEvent(event);
    const data = (event.data ?? {}) as Readonly<Record<string, unknown>>;
    for (const { operation } of this.#purgedBy.get(`${service}.${name}`) ?? []) {
      const told = operation.pathNames.filter((each) => Object.hasOwn(data, each));
      this.#cache.purge(
        told.length === 0
          ? tagOfOperation(service, operation.name)
          : tagOfParameters(
              service,
              operation.name,
              Object.fromEntries(told.map((each) => [each, data[each]])),
            ),
      );
    }
  }

  #purgeAll(): void {
    for (const routes of this.#purgedBy.values())
      for (const { operation } of routes)
        this.#cache.purge(tagOfOperation(operation.service, operation.name));
  }
}
