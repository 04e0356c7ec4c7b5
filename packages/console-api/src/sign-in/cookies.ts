import type { IncomingMessage, ServerResponse } from 'node:http';

export interface Cookie {
  readonly name: string;
  /** Characters that need no quotes. */
  readonly value: string;
  /** 0 takes it back. */
  readonly seconds: number;
  readonly isSecure: boolean;
}

export function cookieOf({ headers }: IncomingMessage, name: string): string | undefined {
  for (const part of headers.cookie?.split(';') ?? []) {
    const pair = part.trim();
    if (pair.startsWith(`${name}=`)) return pair.slice(name.length + 1);
  }
  return undefined;
}

/** Lax: the provider's redirect back is a navigation from elsewhere, and must bring the cookie. Changes ask for the console's own origin beside it. */
export function setCookie(response: ServerResponse, { name, value, seconds, isSecure }: Cookie): void {
  const secure = isSecure ? '; Secure' : '';
  response.appendHeader(
    'set-cookie',
    `${name}=${value}; Path=/; Max-Age=${seconds}; HttpOnly; SameSite=Lax${secure}`,
  );
}
