import { apiPageStyleHash } from './api-page-style.ts';

/** Header names and values in turn, as `writeHead` takes them: on the request path that costs far less than `setHeader`. */
export type HeaderList = string[];

/**
 * What every answer says to browsers (OWASP Secure Headers). `strict-transport-security` is said where the gateway ends TLS itself; else only the
 * proxy that does knows that HTTPS is there to stay.
 */
const everywhere: readonly string[] = [
  ...['x-content-type-options', 'nosniff'],
  ...['x-frame-options', 'DENY'],
  ...['referrer-policy', 'no-referrer'],
  ...['cross-origin-opener-policy', 'same-origin'],
  ...['cross-origin-resource-policy', 'same-origin'],
  ...['permissions-policy', 'camera=(), geolocation=(), microphone=(), payment=(), usb=()'],
  ...['x-permitted-cross-domain-policies', 'none'],
  ...['x-dns-prefetch-control', 'off'],
];

const apiPolicy = "default-src 'none'; frame-ancestors 'none'";
const documentPolicy = `default-src 'none'; style-src ${apiPageStyleHash}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`;
const sitePolicy = [
  "default-src 'self'",
  // Previews of files that the user has chosen.
  "img-src 'self' blob: data:",
  "object-src 'none'",
  "base-uri 'none'",
  "form-action 'self'",
  "frame-ancestors 'none'",
].join('; ');

/** What a kind of answer starts from; an answer that may be stored says so itself. */
export const securityHeaders = {
  api: [...everywhere, 'content-security-policy', apiPolicy],
  document: [...everywhere, 'content-security-policy', documentPolicy],
  site: [...everywhere, 'content-security-policy', sitePolicy],
  /** What an upstream answers: its pages need policies of their own. */
  forwarded: [],
} as const satisfies Record<string, readonly string[]>;

export type AnswerKind = keyof typeof securityHeaders;
