import type { TestContext } from 'node:test';
import { createReaderBench } from './reader-bench.ts';
import { type Answer, startScriptedServer } from './scripted-server.ts';

export async function createBench(t: TestContext) {
  const server = await startScriptedServer(t);
  const bench = await createReaderBench(t);
  return { server, url: `${server.origin}/feed`, ...bench };
}

/** Conditional answers, as a good server gives them. */
export function withEtag(etag: string, answer: Answer): Answer {
  return (request, response) => {
    response.setHeader('etag', etag);
    if (request.headers['if-none-match'] === etag) response.writeHead(304).end();
    else answer(request, response);
  };
}

export const keyed = (id: string, key: string) => ({
  id,
  inside: `<category scheme="f/key" term="${key}"/>`,
});
