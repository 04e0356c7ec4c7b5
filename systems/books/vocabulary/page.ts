import { z } from 'zod';

/** A request for a page, whole, as the gateway hands it over. */
export const PageRequest = z.object({
  method: z.string(),
  path: z.string(),
  query: z.string(),
  headers: z.record(z.string(), z.string()),
  body: z.string(),
  client: z.string(),
});
export type PageRequest = z.output<typeof PageRequest>;

export const PageResponse = z.object({
  status: z.int(),
  headers: z.array(z.tuple([z.string(), z.string()])),
  body: z.string(),
});
export type PageResponse = z.output<typeof PageResponse>;

export function redirectTo(path: string, headers: PageResponse['headers'] = []): PageResponse {
  // 303: whatever came, the next request is a GET, and no browser sends the password again.
  return { status: 303, headers: [['location', path], ...headers], body: '' };
}

export function textPage(status: number, body: string): PageResponse {
  return { status, headers: [['content-type', 'text/plain; charset=utf-8']], body };
}
