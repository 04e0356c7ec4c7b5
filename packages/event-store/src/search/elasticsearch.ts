import { eventStoreError } from '../errors.ts';
import { checkRequest } from './check-request.ts';
import type {
  IndexVersion,
  SearchDocument,
  SearchEngine,
  SearchRequest,
  SearchResult,
} from './search-index.ts';

/** Where the cluster is. */
export interface ElasticsearchOptions {
  /** Of the cluster, such as `https://search:9200`. */
  readonly url: string;
  /** `authorization` and others, for each request. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Before the name of each index; default none. */
  readonly prefix?: string;
  /** Of one request. Default 10,000. */
  readonly timeoutMs?: number;
}

/** Elasticsearch 7 and later, or OpenSearch, over HTTP. Versions are indexes `<name>_v<version>`; the alias `<name>` is the live one. */
export function createElasticsearch(options: ElasticsearchOptions): SearchEngine {
  return new HttpSearch(options);
}

interface Source {
  readonly revision: number;
  readonly removed: boolean;
  readonly values: Record<string, string | null>;
}

interface Answer {
  readonly status: number;
  readonly body: unknown;
}

interface FoundDocument {
  readonly _id: string;
  readonly found?: boolean;
  readonly _source: Source;
  readonly error?: { readonly type: string };
}

interface BulkAnswer {
  readonly items: readonly Readonly<Record<string, { readonly status: number; readonly error?: unknown }>>[];
}

interface SearchAnswer {
  readonly hits: {
    readonly total: { readonly value: number };
    readonly hits: readonly { readonly _id: string; readonly _source: Source }[];
  };
}

const missingIndex = 'index_not_found_exception';
const maxAnswerLength = 300;

class HttpSearch implements SearchEngine {
  readonly #options: ElasticsearchOptions;

  constructor(options: ElasticsearchOptions) {
    this.#options = options;
  }

  async has(index: IndexVersion): Promise<boolean> {
    const { status } = await this.#send('GET', `/_alias/${this.#writersAlias(index)}`, undefined, [404]);
    return status !== 404;
  }

  async prepare(index: IndexVersion): Promise<void> {
    const values = Object.fromEntries(Object.entries(index.fields).map(([name, type]) => [name, { type }]));
    const mappings = {
      dynamic: false,
      properties: {
        id: { type: 'keyword' },
        revision: { type: 'long' },
        removed: { type: 'boolean' },
        values: { properties: values },
      },
    };
    const aliases = { [this.#writersAlias(index)]: {} };
    await this.#send('PUT', `/${this.#indexOf(index)}`, { mappings, aliases }, [
      'resource_already_exists_exception',
    ]);
    if ((await this.liveVersion(index.name)) === undefined) await this.switchTo(index);
  }

  async get(index: IndexVersion, ids: readonly string[]): Promise<ReadonlyMap<string, SearchDocument>> {
    if (ids.length === 0) return new Map();
    const { body } = await this.#send('POST', `/${this.#indexOf(index)}/_mget`, { ids });
    const { docs } = body as { docs: readonly FoundDocument[] };
    if (docs.some(({ error }) => error?.type === missingIndex)) throw eventStoreError('search_index_lost');
    return new Map(
      docs.flatMap(({ _id: id, found, _source: source }) => {
        if (found !== true) return [];
        const { revision, removed, values } = source;
        return [[id, { id, revision, values: removed ? undefined : values }] as const];
      }),
    );
  }

  async put(index: IndexVersion, documents: readonly SearchDocument[]): Promise<void> {
    if (documents.length === 0) return;
    // The engine refuses what is older than what it has: a fence against a writer that comes too late.
    const lines = documents.flatMap(({ id, revision, values }) => [
      JSON.stringify({ index: { _id: id, version: revision, version_type: 'external_gte' } }),
      JSON.stringify({ id, revision, removed: values === undefined, values: values ?? {} }),
    ]);
    // Into an alias that only `prepare` makes: into a name that is not there the engine would make an index, with fields as it guesses them.
    const path = `/${this.#writersAlias(index)}/_bulk?require_alias=true`;
    const { body } = await this.#send('POST', path, `${lines.join('\n')}\n`);
    for (const item of (body as BulkAnswer).items) {
      const { status, error } = item['index'] ?? { status: 500 };
      if (status < 300 || status === 409) continue;
      if (status === 404) throw eventStoreError('search_index_lost');
      const reason = status === 429 || status >= 500 ? 'search_unavailable' : 'search_refused';
      throw eventStoreError(reason, {
        message: `A document was not indexed: ${JSON.stringify(error)?.slice(0, maxAnswerLength)}`,
      });
    }
  }

  async refresh(index: IndexVersion): Promise<void> {
    await this.#send('POST', `/${this.#indexOf(index)}/_refresh`);
  }

  async switchTo(index: IndexVersion): Promise<void> {
    const alias = this.#aliasOf(index.name);
    const live = await this.liveVersion(index.name);
    const old =
      live === undefined ? [] : [{ remove: { index: this.#indexOf({ ...index, version: live }), alias } }];
    await this.#send('POST', '/_aliases', {
      actions: [...old, { add: { index: this.#indexOf(index), alias } }],
    });
  }

  async liveVersion(name: string): Promise<number | undefined> {
    const { status, body } = await this.#send('GET', `/_alias/${this.#aliasOf(name)}`, undefined, [404]);
    if (status === 404) return undefined;
    const versions = Object.keys(body as object).map((each) =>
      Number(each.slice(each.lastIndexOf('_v') + 2)),
    );
    return versions.length === 0 ? undefined : Math.max(...versions);
  }

  async search(index: IndexVersion, request: SearchRequest): Promise<SearchResult> {
    const { words, where, limit, offset } = checkRequest(index, request);
    const texts = Object.entries(index.fields).flatMap(([name, kind]) =>
      kind === 'text' ? [`values.${name}`] : [],
    );
    const filter = [
      { term: { removed: false } },
      ...where.map(([field, value]) => ({ term: { [`values.${field}`]: value } })),
    ];
    const must =
      words.length === 0
        ? []
        : [{ multi_match: { query: words.join(' '), fields: texts, type: 'cross_fields', operator: 'and' } }];
    const asked = {
      query: { bool: { must, filter } },
      from: offset,
      size: limit,
      track_total_hits: true,
      sort: ['_score', { id: 'asc' }],
    };
    const path = `/${this.#aliasOf(index.name)}/_search`;
    const { status, body } = await this.#send('POST', path, asked, [missingIndex]);
    if (status === 404) throw eventStoreError('search_index_missing');
    const { total, hits } = (body as SearchAnswer).hits;
    return {
      total: total.value,
      hits: hits.map(({ _id: id, _source: { revision, values } }) => ({ id, revision, values })),
    };
  }

  async remove(index: IndexVersion): Promise<void> {
    if ((await this.liveVersion(index.name)) === index.version) return;
    await this.#send('DELETE', `/${this.#indexOf(index)}`, undefined, [404]);
  }

  /** `expected`: statuses, or types of errors, that are no failure. */
  async #send(
    method: string,
    path: string,
    content?: unknown,
    expected: readonly (number | string)[] = [],
  ): Promise<Answer> {
    const { url, headers, timeoutMs = 10_000 } = this.#options;
    let status: number;
    let text: string;
    try {
      const response = await fetch(new URL(path, url), {
        method,
        headers: {
          ...headers,
          ...(content !== undefined && {
            'content-type': typeof content === 'string' ? 'application/x-ndjson' : 'application/json',
          }),
        },
        ...(content !== undefined && {
          body: typeof content === 'string' ? content : JSON.stringify(content),
        }),
        redirect: 'error',
        signal: AbortSignal.timeout(timeoutMs),
      });
      status = response.status;
      text = await response.text();
    } catch (cause) {
      throw eventStoreError('search_unavailable', { cause });
    }
    const body = parse(text);
    if (status < 300 || expected.some((each) => each === status || each === errorTypeOf(body)))
      return { status, body };
    const isDown = status === 429 || status >= 500;
    throw eventStoreError(isDown ? 'search_unavailable' : 'search_refused', {
      message: `${method} ${path} was answered with ${status}: ${text.slice(0, maxAnswerLength)}`,
    });
  }

  #aliasOf(name: string): string {
    return `${this.#options.prefix ?? ''}${name}`;
  }

  #writersAlias(index: IndexVersion): string {
    return `${this.#indexOf(index)}_writer`;
  }

  #indexOf({ name, version }: Pick<IndexVersion, 'name' | 'version'>): string {
    return `${this.#aliasOf(name)}_v${version}`;
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function errorTypeOf(body: unknown): unknown {
  return (body as { error?: { type?: unknown } } | undefined)?.error?.type;
}
