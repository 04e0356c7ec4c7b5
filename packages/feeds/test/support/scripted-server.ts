import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { TestContext } from 'node:test';

export type Answer = (request: IncomingMessage, response: ServerResponse) => void;

export interface ScriptedServer {
  readonly origin: string;
  /** Path and query of every request so far. */
  readonly requests: readonly { readonly url: string; readonly headers: IncomingMessage['headers'] }[];
  /** Replaces what is answered at `path` (with query); `*` for every other. */
  on(path: string, answer: Answer): void;
}

/** An HTTP server that answers what a test says, for the test `t`. */
export async function startScriptedServer(t: Pick<TestContext, 'after'>): Promise<ScriptedServer> {
  const answers = new Map<string, Answer>();
  const requests: { url: string; headers: IncomingMessage['headers'] }[] = [];
  const server = createServer((request, response) => {
    const { url = '', headers } = request;
    requests.push({ url, headers });
    const answer = answers.get(url) ?? answers.get('*');
    if (answer === undefined) response.writeHead(404).end();
    else answer(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  const { port } = server.address() as AddressInfo;
  return { origin: `http://127.0.0.1:${port}`, requests, on: (path, answer) => answers.set(path, answer) };
}

export function document(type: string, text: string | Buffer, headers: Record<string, string> = {}): Answer {
  return (_, response) => response.writeHead(200, { 'content-type': type, ...headers }).end(text);
}

/** An Atom feed of entries, newest first as given, each an id or an id with what stands inside its element. */
export function atom(
  entries: readonly (string | { readonly id: string; readonly inside: string })[],
  { older, extra = '' }: { readonly older?: string; readonly extra?: string } = {},
): Answer {
  const written = entries.map((entry) => {
    const { id, inside } = typeof entry === 'string' ? { id: entry, inside: '' } : entry;
    return `<entry><id>${id}</id><title>${id}</title><updated>2026-01-01T00:00:00Z</updated>${inside}</entry>`;
  });
  const link = older === undefined ? '' : `<link rel="prev-archive" href="${older}"/>`;
  return document(
    'application/atom+xml',
    `<?xml version="1.0"?>${extra}<feed xmlns="http://www.w3.org/2005/Atom"><id>f</id><title>F</title>${link}${written.join('')}</feed>`,
  );
}
