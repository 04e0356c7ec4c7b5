import type { DocumentEntry, FeedDocument } from './feed-document.ts';
import { mediaTypes } from './feed-operation.ts';
import { feedLinks } from './feed-page.ts';
import { element } from './xml-writer.ts';

/** Namespaces of RFC 4287 and RFC 5005. */
export const atomNamespace = 'http://www.w3.org/2005/Atom';
export const historyNamespace = 'http://purl.org/syndication/history/1.0';

/** The category scheme under which an entry's key stands, for the feed of that id. */
export function keyScheme(feedId: string): string {
  return `${feedId}/key`;
}

/** The category scheme under which the trace of an entry stands: a `traceparent` of W3C trace context. */
export const traceScheme = 'https://www.w3.org/TR/trace-context/#traceparent-header';

/** The document as Atom (RFC 4287), with the history elements of RFC 5005. */
export function toAtom(feed: FeedDocument): string {
  const { id, title, subtitle, author, updated, self, links } = feed;
  const type = mediaTypes.atom;
  const lines = [
    '<?xml version="1.0" encoding="utf-8"?>',
    `<feed xmlns="${atomNamespace}" xmlns:fh="${historyNamespace}">`,
    element('id', {}, id),
    element('title', {}, title),
    ...(subtitle === undefined ? [] : [element('subtitle', {}, subtitle)]),
    element('updated', {}, updated),
    `<author>${element('name', {}, author)}</author>`,
    element('link', { rel: 'self', type, href: self }),
    ...feedLinks
      .filter((rel) => links[rel] !== undefined)
      .map((rel) => element('link', { rel, type, href: links[rel] })),
    ...(feed.isArchive ? ['<fh:archive/>'] : []),
    ...feed.entries.map((entry) => toEntry(entry, id)),
    '</feed>',
  ];
  return `${lines.join('\n')}\n`;
}

function toEntry(entry: DocumentEntry, feedId: string): string {
  return [
    '<entry>',
    element('id', {}, entry.id),
    element('title', {}, entry.title),
    element('updated', {}, entry.updated),
    element('summary', {}, entry.summary),
    ...(entry.key === undefined ? [] : [element('category', { scheme: keyScheme(feedId), term: entry.key })]),
    ...(entry.traceparent === undefined
      ? []
      : [element('category', { scheme: traceScheme, term: entry.traceparent })]),
    ...toContent(entry),
    '</entry>',
  ].join('\n');
}

/**
 * Content stands behind a link or in the entry; there other media types than XML and text are Base64 (RFC 4287, 4.1.3.3). The link is
 * said twice, because many readers resolve `link` and leave `src` as it is.
 */
function toContent({ href, content, summary }: DocumentEntry): readonly string[] {
  const type = mediaTypes.json;
  if (href === undefined && content === undefined) return [element('content', { type: 'text' }, summary)];
  const link = href === undefined ? [] : [element('link', { rel: 'alternate', type, href })];
  const embedded = content === undefined ? '' : Buffer.from(JSON.stringify(content)).toString('base64');
  return [
    ...link,
    content === undefined ? element('content', { type, src: href }) : element('content', { type }, embedded),
  ];
}
