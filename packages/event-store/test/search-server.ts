import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { TestContext } from 'node:test';

interface Stored {
  readonly version: number;
  readonly source: { readonly values: Record<string, string | null>; readonly removed: boolean };
}

interface Index {
  readonly types: Record<string, { readonly type: string }>;
  readonly documents: Map<string, Stored>;
  /** What searches see: the documents as of the last refresh. */
  visible: Map<string, Stored>;
}

interface SearchBody {
  readonly query: {
    readonly bool: {
      readonly must: readonly {
        readonly multi_match: { readonly query: string; readonly fields: readonly string[] };
      }[];
      readonly filter: readonly { readonly term: Readonly<Record<string, unknown>> }[];
    };
  };
  readonly from: number;
  readonly size: number;
}

export interface SearchServer {
  readonly url: string;
  readonly indexes: ReadonlyMap<string, Index>;
  /** Answers the next requests to `path` with this status. */
  failNext(path: string, status: number, times?: number): void;
  /** As if the data were lost. */
  wipe(): void;
}

/** The documented part of Elasticsearch's HTTP interface that the adapter uses, written after its reference, not after the adapter. */
export async function startSearchServer(t: Pick<TestContext, 'after'>): Promise<SearchServer> {
  const indexes = new Map<string, Index>();
  const aliases = new Map<string, string>();
  const failures: { path: string; status: number; times: number }[] = [];
  const server: Server = createServer((request, response) => {
    void textOf(request).then((text) => {
      const answer = (status: number, body: unknown) => {
        response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
      };
      const error = (status: number, type: string) =>
        answer(status, { error: { type, reason: type }, status });
      const [path = ''] = (request.url ?? '').split('?');
      const failure = failures.find((each) => path.endsWith(each.path) && each.times > 0);
      if (failure !== undefined) {
        failure.times -= 1;
        return error(failure.status, 'injected');
      }
      const [, first = '', verb = ''] = path.split('/').map(decodeURIComponent);
      const json = () => JSON.parse(text) as never;
      const index = indexes.get(aliases.get(first) ?? first);
      if (first === '_aliases') return answer(200, change(aliases, json()));
      if (first === '_alias') {
        const target = aliases.get(verb);
        return target === undefined
          ? error(404, 'aliases_not_found')
          : answer(200, { [target]: { aliases: { [verb]: {} } } });
      }
      if (request.method === 'PUT') {
        if (indexes.has(first)) return error(400, 'resource_already_exists_exception');
        const { mappings, aliases: names } = json() as {
          mappings: { properties: { values: { properties: Index['types'] } } };
          aliases: Record<string, object>;
        };
        for (const name of Object.keys(names)) aliases.set(name, first);
        indexes.set(first, {
          types: mappings.properties.values.properties,
          documents: new Map(),
          visible: new Map(),
        });
        return answer(200, { acknowledged: true });
      }
      if (verb === '_bulk' && request.url?.endsWith('?require_alias=true') && !aliases.has(first)) {
        return answer(200, refused(text));
      }
      if (index === undefined && verb === '_mget') {
        const { ids } = json() as { ids: string[] };
        return answer(200, {
          docs: ids.map((_id) => ({ _id, error: { type: 'index_not_found_exception' } })),
        });
      }
      if (index === undefined) return error(404, 'index_not_found_exception');
      if (request.method === 'DELETE') {
        for (const [alias, target] of aliases) if (target === first) aliases.delete(alias);
        return answer(200, { acknowledged: indexes.delete(first) });
      }
      if (verb === '_refresh') {
        index.visible = new Map(index.documents);
        return answer(200, {});
      }
      if (verb === '_bulk') return answer(200, bulk(index, text));
      if (verb === '_mget')
        return answer(200, { docs: (json() as { ids: string[] }).ids.map((id) => found(index, id)) });
      if (verb === '_search') return answer(200, search(index, json()));
      return error(400, 'illegal_argument_exception');
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    indexes,
    failNext: (path, status, times = 1) => failures.push({ path, status, times }),
    wipe() {
      indexes.clear();
      aliases.clear();
    },
  };
}

function change(
  aliases: Map<string, string>,
  { actions }: { actions: Record<string, { index: string; alias: string }>[] },
) {
  for (const { remove, add } of actions) {
    if (remove !== undefined && aliases.get(remove.alias) === remove.index) aliases.delete(remove.alias);
    if (add !== undefined) aliases.set(add.alias, add.index);
  }
  return { acknowledged: true };
}

/** `external_gte`: a lower version than the stored one is a conflict of that document alone. */
function bulk({ documents }: Index, text: string) {
  const lines = text.trimEnd().split('\n');
  const items: unknown[] = [];
  for (let line = 0; line < lines.length; line += 2) {
    const { index } = JSON.parse(lines[line] ?? '') as { index: { _id: string; version: number } };
    const isOld = (documents.get(index._id)?.version ?? -1) > index.version;
    if (!isOld)
      documents.set(index._id, { version: index.version, source: JSON.parse(lines[line + 1] ?? '') });
    items.push({
      index: isOld ? { status: 409, error: { type: 'version_conflict_engine_exception' } } : { status: 201 },
    });
  }
  return { errors: false, items };
}

/** Each document is refused by itself where an alias is asked for and there is none. */
function refused(text: string) {
  const item = { index: { status: 404, error: { type: 'index_not_found_exception' } } };
  return { errors: true, items: Array(text.trimEnd().split('\n').length / 2).fill(item) };
}

function found({ documents }: Index, id: string) {
  const stored = documents.get(id);
  return stored === undefined ? { _id: id, found: false } : { _id: id, found: true, _source: stored.source };
}

function search({ visible }: Index, { query: { bool }, from, size }: SearchBody) {
  const valueAt = (source: object, field: string) =>
    field
      .split('.')
      .reduce<unknown>((value, name) => (value as Record<string, unknown> | undefined)?.[name], source);
  const wordsIn = (value: unknown) =>
    String(value ?? '')
      .toLowerCase()
      .split(/[^\p{L}\p{N}]+/u);
  const matches = [...visible].filter(
    ([, { source }]) =>
      bool.filter.every(({ term }) =>
        Object.entries(term).every(([field, value]) => valueAt(source, field) === value),
      ) &&
      bool.must.every(({ multi_match: { query, fields } }) => {
        const words = new Set(fields.flatMap((field) => wordsIn(valueAt(source, field))));
        return wordsIn(query).every((word) => words.has(word));
      }),
  );
  matches.sort(([left], [right]) => (left < right ? -1 : 1));
  const hits = matches.slice(from, from + size).map(([_id, { source }]) => ({ _id, _source: source }));
  return { hits: { total: { value: matches.length }, hits } };
}

async function textOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString();
}
