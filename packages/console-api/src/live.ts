import type { ServerResponse } from 'node:http';
import { type Clock, type Logger, ServiceError } from '@banyan/core';
import type { Route } from '@banyan/rpc';
import {
  type LogFilter,
  type LogLevel,
  logMatcher,
  type StoredNews,
  type TelemetryStore,
} from '@banyan/telemetry-store';
import type { Target } from './api-routes.ts';
import { levels } from './contract/logs.ts';
import type { Asker } from './handlers.ts';

export const livePath = '/api/live';

/**
 * What changes while somebody looks. `map`: the map of the last minute, as `getMap` gives it, every second. `logs`: lines as they are stored. `errors`:
 * groups have changed. `system`: processes or services have. `alerts`: one has begun or ended.
 */
export const liveTopics = ['map', 'logs', 'errors', 'system', 'alerts'] as const;
export type LiveTopic = (typeof liveTopics)[number];

export interface LiveOptions {
  readonly store: TelemetryStore;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Server-sent events at `/api/live?topic=map&topic=logs&service=…&level=…&traceId=…&text=…`; the filters are for `logs`. */
export interface Live {
  readonly route: Route<Target>;
  /** Tells whoever watches the topic that it has changed. */
  tell(topic: 'system' | 'alerts', data: unknown): void;
  /** Ends what is open. */
  close(): void;
}

const maxWatchers = 64;
/** A watcher that takes nothing is skipped until it does, and told how much it missed. */
const maxUnsentBytes = 1_000_000;
const maxLinesAtOnce = 500;
const mapEveryMs = 1_000;
const mapWindowUs = 60e6;
const beatEveryMs = 15_000;

interface Watcher {
  readonly response: ServerResponse;
  readonly asker: Asker;
  readonly topics: ReadonlySet<string>;
  readonly wants: (line: StoredNews['lines'][number]) => boolean;
  missed: number;
}

export function createLive(options: LiveOptions): Live {
  return new LiveEvents(options);
}

class LiveEvents implements Live {
  readonly route: Route<Target>;
  readonly #options: LiveOptions;
  readonly #watchers = new Set<Watcher>();
  readonly #unsubscribe: () => void;
  #cancelMap: (() => void) | undefined;
  #cancelBeat = () => {};

  constructor(options: LiveOptions) {
    this.#options = options;
    this.#unsubscribe = options.store.onStored((news) => this.#onStored(news));
    this.route = { method: 'GET', path: livePath, target: async (arrival) => this.#watch(arrival) };
    this.#beat();
  }

  tell(topic: LiveTopic, data: unknown): void {
    this.#send(topic, JSON.stringify(data));
  }

  close(): void {
    this.#unsubscribe();
    this.#cancelMap?.();
    this.#cancelBeat();
    for (const { response } of this.#watchers) response.end();
    this.#watchers.clear();
  }

  #watch({ response, query, asker }: Parameters<Target>[0]): void {
    if (this.#watchers.size >= maxWatchers) throw tooMany();
    const parameters = new URLSearchParams(query);
    const asked = parameters.getAll('topic');
    const isWanted = logMatcher(filterOf(parameters));
    const watcher: Watcher = {
      response,
      asker,
      topics: new Set(asked.length === 0 ? liveTopics : asked),
      wants: (line) => isWanted(line, line.service),
      missed: 0,
    };
    response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' });
    response.write(': open\n\n');
    this.#watchers.add(watcher);
    response.on('close', () => this.#watchers.delete(watcher));
    if (watcher.topics.has('map')) this.#scheduleMap(0);
  }

  #onStored({ lines, hasErrors }: StoredNews): void {
    if (hasErrors) this.#send('errors', '{}');
    for (const watcher of this.#watchers) {
      if (!watcher.topics.has('logs')) continue;
      const wanted = lines.filter(watcher.wants);
      const shown = wanted.slice(-maxLinesAtOnce);
      if (shown.length > 0)
        this.#write(watcher, 'logs', JSON.stringify({ lines: shown, left: wanted.length - shown.length }));
    }
  }

  /** One map for all who watch, and none if nobody does. */
  #scheduleMap(delayMs: number): void {
    this.#cancelMap ??= this.#options.clock.setTimer(() => {
      this.#sendMap()
        .catch((error: unknown) => this.#options.logger.debug('the live map could not be read', { error }))
        .finally(() => {
          this.#cancelMap = undefined;
          if ([...this.#watchers].some(({ topics }) => topics.has('map'))) this.#scheduleMap(mapEveryMs);
        });
    }, delayMs);
  }

  async #sendMap(): Promise<void> {
    const toUs = this.#options.clock.nowMs() * 1_000;
    const map = await this.#options.store.map({ fromUs: toUs - mapWindowUs, toUs });
    this.#send('map', JSON.stringify(map));
  }

  #send(topic: LiveTopic, data: string): void {
    for (const watcher of this.#watchers) if (watcher.topics.has(topic)) this.#write(watcher, topic, data);
  }

  #write(watcher: Watcher, topic: string, data: string): void {
    const { response } = watcher;
    if (response.writableLength > maxUnsentBytes) {
      watcher.missed += 1;
      return;
    }
    if (watcher.missed > 0) {
      response.write(`event: missed\ndata: ${watcher.missed}\n\n`);
      watcher.missed = 0;
    }
    response.write(`event: ${topic}\ndata: ${data}\n\n`);
  }

  /** Proxies end connections on which nothing happens; a session that is over ends its own. */
  #beat(): void {
    this.#cancelBeat = this.#options.clock.setTimer(() => {
      for (const { response, asker } of this.#watchers)
        if (asker.isAdmitted?.() === false) response.end();
        else response.write(': beat\n\n');
      this.#beat();
    }, beatEveryMs);
  }
}

function filterOf(parameters: URLSearchParams): LogFilter {
  const level = levels.find((each) => each === parameters.get('level')) as LogLevel | undefined;
  const given = (name: string) => parameters.get(name) ?? undefined;
  return { service: given('service'), level, traceId: given('traceId'), text: given('text') };
}

function tooMany(): ServiceError {
  return new ServiceError('Too many pages watch this console.', {
    code: 'resource_exhausted',
    reason: 'too_many_watchers',
    retryAfterMs: 5_000,
  });
}
