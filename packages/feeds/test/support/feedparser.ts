import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const python = '/usr/bin/python3';
const run = promisify(execFile);

/** Walks a feed from its newest page to its oldest, as feedparser sees it; prints what it found as JSON. */
const script = `
import feedparser, json, sys
url, accept, most = sys.argv[1], sys.argv[2], int(sys.argv[3])
pages, entries, bozo, first, hrefs = 0, [], [], None, []
while url and pages < most:
    page = feedparser.parse(url, request_headers={'Accept': accept})
    pages += 1
    first = first or page
    if page.bozo: bozo.append([url, str(page.get('bozo_exception'))])
    if page.get('status') != 200: bozo.append([url, page.get('status')])
    entries += [entry.id for entry in page.entries]
    url = next((link.href for link in page.feed.get('links', []) if link.rel == 'prev-archive'), None)
entry = first.entries[0] if first.entries else {}
print(json.dumps({
    'pages': pages, 'entries': len(entries), 'different': len(set(entries)), 'bozo': bozo,
    'last': entries[-1] if entries else None, 'version': first.version, 'etag': first.get('etag'), 'modified': first.get('modified'),
    'feed': {key: first.feed.get(key) for key in ['id', 'title', 'subtitle', 'updated', 'author']},
    'entry': {key: entry.get(key) for key in ['id', 'title', 'summary', 'updated', 'content', 'links']},
    'self': [link.href for link in first.feed.links if link.rel == 'self'],
    'again': [feedparser.parse(sys.argv[1], **known).status for known in [{'etag': first.get('etag')}, {'modified': first.get('modified')}]],
}))
`;

export interface ParsedByFeedparser {
  readonly pages: number;
  readonly entries: number;
  readonly different: number;
  readonly last: string | null;
  /** What it complains of. */
  readonly bozo: readonly unknown[];
  readonly version: string;
  readonly feed: Readonly<Record<string, string | null>>;
  readonly entry: Readonly<Record<string, unknown>>;
  readonly self: readonly string[];
  /** Status of asking again with the ETag, and with Last-Modified alone. */
  readonly again: readonly number[];
}

/** Why feedparser cannot be used here; undefined if it can. */
export async function feedparserMissing(): Promise<string | undefined> {
  try {
    await run(python, ['-c', 'import feedparser']);
    return undefined;
  } catch {
    return 'needs python3-feedparser';
  }
}

/** Reads at most `pages` pages of the feed at `url` with Debian's python3-feedparser. */
export async function readWithFeedparser(url: string, pages = 100_000): Promise<ParsedByFeedparser> {
  const accept = 'application/atom+xml,*/*;q=0.1';
  const { stdout } = await run(python, ['-c', script, url, accept, String(pages)], { maxBuffer: 2 ** 26 });
  return JSON.parse(stdout) as ParsedByFeedparser;
}
