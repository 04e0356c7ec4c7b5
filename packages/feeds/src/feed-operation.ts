import {
  type Binary,
  binary,
  type Operation,
  operation,
  type StandardIssue,
  type StandardSchema,
} from '@banyan/contract';

/** What a reader of a feed may ask for. */
export interface FeedRequest {
  /** Archive page, from 1, the oldest. Without it and `after`: the newest entries. */
  readonly page?: number;
  /** Entries after this sequence number, oldest first. */
  readonly after?: number;
  readonly entries?: EntryForm;
  readonly accept?: string;
  readonly ifNoneMatch?: string;
  readonly ifModifiedSince?: string;
}

/** `summary`: with a link to the content; `embedded`: with the content itself. */
export const entryForms = ['summary', 'embedded'] as const;
export type EntryForm = (typeof entryForms)[number];

const schemaOfFields = {
  page: { type: 'integer', minimum: 1, maximum: Number.MAX_SAFE_INTEGER },
  after: { type: 'integer', minimum: 0, maximum: Number.MAX_SAFE_INTEGER },
  entries: { type: 'string', enum: entryForms },
  accept: { type: 'string' },
  ifNoneMatch: { type: 'string' },
  ifModifiedSince: { type: 'string' },
};
const describe = () => ({ type: 'object', properties: schemaOfFields });

/** A schema of its own, so that a contract with a feed needs no particular schema library. */
const feedRequest: StandardSchema<FeedRequest> = {
  '~standard': {
    version: 1,
    vendor: 'banyan-feeds',
    validate: (value) => {
      if (typeof value !== 'object' || value === null || Array.isArray(value)) {
        return { issues: [{ message: 'must be an object' }] };
      }
      return validateFields(value as Readonly<Record<string, unknown>>);
    },
    jsonSchema: { input: describe, output: describe },
  },
};

function validateFields(given: Readonly<Record<string, unknown>>) {
  const issues: StandardIssue[] = [];
  const request: Record<string, unknown> = {};
  for (const [name, schema] of Object.entries(schemaOfFields)) {
    const value = given[name];
    if (value === undefined) continue;
    const problem = problemOf(value, schema);
    if (problem === undefined) request[name] = value;
    else issues.push({ message: problem, path: [name] });
  }
  if (request['page'] !== undefined && request['after'] !== undefined) {
    issues.push({ message: 'cannot go together with `page`', path: ['after'] });
  }
  return issues.length > 0 ? { issues } : { value: request as FeedRequest };
}

function problemOf(
  value: unknown,
  schema: { readonly type: string; readonly minimum?: number; readonly enum?: readonly string[] },
): string | undefined {
  if (schema.type === 'integer') {
    const isFit = Number.isSafeInteger(value) && Number(value) >= (schema.minimum ?? 0);
    return isFit ? undefined : `must be a whole number of at least ${schema.minimum}`;
  }
  if (typeof value !== 'string') return 'must be a string';
  if (schema.enum !== undefined && !schema.enum.includes(value)) {
    return `must be one of ${schema.enum.join(', ')}`;
  }
  return undefined;
}

export const mediaTypes = {
  atom: 'application/atom+xml',
  json: 'application/json',
  jsonFeed: 'application/feed+json',
} as const;

/** The operation of a contract behind which a feed stands; `defineFeed` gives its handler. */
export type FeedOperation = Operation<StandardSchema<FeedRequest>, Binary>;

/**
 * Declares a feed in a contract: one URL that answers Atom, JSON and JSON Feed, in pages, with conditions (ETag, Last-Modified).
 * @param route such as `GET /feed`; without names in the path
 * @throws TypeError, with the fix in the text
 */
export function feedOperation(
  route: `GET /${string}`,
  options: { readonly summary?: string; readonly description?: string } = {},
): FeedOperation {
  return operation(route, {
    input: feedRequest,
    headers: { accept: 'accept', ifNoneMatch: 'if-none-match', ifModifiedSince: 'if-modified-since' },
    output: binary({ types: Object.values(mediaTypes), maxBytes: 64 * 1024 * 1024 }),
    summary: options.summary ?? 'Entries as Atom, JSON or JSON Feed, newest first',
    ...(options.description === undefined ? undefined : { description: options.description }),
  });
}
