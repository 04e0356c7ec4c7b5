import type { DocumentEntry, FeedDocument } from './feed-document.ts';

/**
 * The document in Banyan's own form: nothing of blogs, links to details, and the details themselves where they were asked for. Links are
 * relative to the document's own address unless they are absolute.
 */
export function toJson(feed: FeedDocument): string {
  const { links } = feed;
  return JSON.stringify({
    id: feed.id,
    title: feed.title,
    updated: feed.updated,
    links: {
      self: feed.self,
      current: links.current,
      prevArchive: links['prev-archive'],
      nextArchive: links['next-archive'],
      next: links.next,
    },
    entries: feed.entries.map(
      ({ id, sequence, updated, title, summary, href, key, traceparent, content }) => ({
        id,
        sequence,
        updated,
        title,
        summary,
        href,
        key,
        traceparent,
        content,
      }),
    ),
  });
}

/** The document as JSON Feed 1.1 (https://www.jsonfeed.org/version/1.1/); what that has no name for stands in `_banyan`. */
export function toJsonFeed(feed: FeedDocument): string {
  const older = feed.links['prev-archive'] ?? feed.links.next;
  return JSON.stringify({
    version: 'https://jsonfeed.org/version/1.1',
    title: feed.title,
    feed_url: feed.self,
    description: feed.subtitle,
    next_url: older,
    authors: [{ name: feed.author }],
    _banyan: { id: feed.id, updated: feed.updated },
    items: feed.entries.map(toItem),
  });
}

function toItem({
  id,
  sequence,
  updated,
  title,
  summary,
  href,
  key,
  traceparent,
  content,
}: DocumentEntry): object {
  return {
    id,
    url: href,
    title,
    content_text: summary,
    summary,
    date_modified: updated,
    _banyan: { sequence, key, traceparent, content },
  };
}
