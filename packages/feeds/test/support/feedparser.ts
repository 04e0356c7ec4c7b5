import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const python = '/usr/bin/python3';
const run = promisify(execFile);

/**
 * Walks a feed from its newest page to its oldest, as feedparser sees it; prints what it found as JSON. feedparser needs 20 s for 100,000
 * entries, so every processor parses: one process fetches, and finds the next page by itself, which feedparser must agree to.
 */
const script = `
import feedparser, json, multiprocessing, os, re, sys, urllib.parse, urllib.request
url, accept = sys.argv[1], sys.argv[2]

def fetch(url):
    while url:
        with urllib.request.urlopen(urllib.request.Request(url, headers={'Accept': accept})) as answer:
            text, kind = answer.read(), answer.headers['content-type']
        link = re.search(rb'<link rel="prev-archive"[^>]* href="([^"]+)"', text)
        older = urllib.parse.urljoin(url, link[1].decode()) if link else None
        yield url, text, kind, older
        url = older

def parse(fetched):
    url, text, kind, older = fetched
    page = feedparser.parse(text, response_headers={'content-type': kind, 'content-location': url})
    seen = next((link.href for link in page.feed.get('links', []) if link.rel == 'prev-archive'), None)
    bozo = [[url, str(page.get('bozo_exception'))]] if page.bozo else []
    return [entry.id for entry in page.entries], bozo + ([] if seen == older else [[url, seen, older]])

first = feedparser.parse(url, request_headers={'Accept': accept})
with multiprocessing.Pool(os.cpu_count()) as pool:
    pages = list(pool.imap(parse, fetch(url)))
entries = [entry for page, _ in pages for entry in page]
bozo = [each for _, page in pages for each in page] + ([] if first.get('status') == 200 else [[url, first.get('status')]])
entry = first.entries[0] if first.entries else {}
print(json.dumps({
    'pages': len(pages), 'entries': len(entries), 'different': len(set(entries)), 'bozo': bozo,
    'last': entries[-1] if entries else None, 'version': first.version, 'etag': first.get('etag'), 'modified': first.get('modified'),
    'feed': {key: first.feed.get(key) for key in ['id', 'title', 'subtitle', 'updated', 'author']},
    'entry': {key: entry.get(key) for key in ['id', 'title', 'summary', 'updated', 'content', 'links']},
    'self': [link.href for link in first.feed.links if link.rel == 'self'],
    'again': [feedparser.parse(url, **known).status for known in [{'etag': first.get('etag')}, {'modified': first.get('modified')}]],
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

/** Reads every page of the feed at `url` with Debian's python3-feedparser. */
export async function readWithFeedparser(url: string): Promise<ParsedByFeedparser> {
  const accept = 'application/atom+xml,*/*;q=0.1';
  const { stdout } = await run(python, ['-c', script, url, accept], { maxBuffer: 2 ** 26 });
  return JSON.parse(stdout) as ParsedByFeedparser;
}
