import {
  type ParsedEntry,
  type ParsedPage,
  toIdentifier,
  toParsedPage,
  toTraceparent,
  toUrl,
  versionOf,
} from './parsed-page.ts';

type Fields = Readonly<Record<string, unknown>>;

/**
 * Reads a page of Banyan's JSON feed, or of a JSON Feed 1.1.
 * @throws Error if it is neither
 */
export function parseJson(text: string, url: string): ParsedPage {
  const document = asFields(JSON.parse(text));
  if (Array.isArray(document['items'])) {
    const older = toUrl(document['next_url'], url);
    return toParsedPage(
      document['items'].map((item) => fromItem(asFields(item), url)),
      older,
    );
  }
  if (!Array.isArray(document['entries']))
    throw new TypeError("the document has no 'entries' and no 'items'");
  const links = asFields(document['links'] ?? {});
  const entries = document['entries'].map((entry) => fromEntry(asFields(entry), url));
  return toParsedPage(entries, toUrl(links['prevArchive'], url));
}

function fromEntry(entry: Fields, url: string): ParsedEntry {
  return {
    ...common(entry, { updated: entry['updated'], href: toUrl(entry['href'], url) }),
    summary: textOf(entry['summary']),
    key: keyOf(entry),
    traceparent: toTraceparent(entry['traceparent']),
    content: entry['content'],
  };
}

/** https://www.jsonfeed.org/version/1.1/, with what our own feeds add in `_banyan`. */
function fromItem(item: Fields, url: string): ParsedEntry {
  const ours = asFields(item['_banyan'] ?? {});
  const updated = item['date_modified'] ?? item['date_published'];
  return {
    ...common(item, { updated, href: toUrl(item['url'], url) }),
    summary: textOf(item['summary'] ?? item['content_text']),
    key: keyOf(ours),
    traceparent: toTraceparent(ours['traceparent']),
    content: ours['content'],
  };
}

function common(
  entry: Fields,
  { updated, href }: { readonly updated: unknown; readonly href: string | undefined },
) {
  return {
    id: toIdentifier(entry['id']),
    version: versionOf(textOf(updated)),
    updated: textOf(updated),
    title: textOf(entry['title']),
    href,
  };
}

function keyOf({ key }: Fields): string | undefined {
  return key === undefined ? undefined : toIdentifier(key);
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

function asFields(value: unknown): Fields {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new TypeError('the document has something else where an object belongs');
  }
  return value as Fields;
}
