import { isSecretName, redacted } from './redaction.ts';

const suspicious = /[=:]|eyJ|earer |asic /;
/** What may end with the first part of a JWT, from where its characters begin: tried at every `eyJ`, a long text without a dot would be read again and again. */
const beforeDot = /(?<![\w-])[\w-]{8,}(?=\.[\w-]{5})/g;
const firstPart = /\beyJ[\w-]{5}/;
const otherParts = /\.[\w-]+(\.[\w-]*)?/y;
const scheme = /\b(Bearer|Basic) +[\w.~+/=-]{6,}/gi;
/** What stands before the host: up to the last `@`, for passwords may hold some. Alone it may be a token (`nats://TOKEN@host`). */
const login = /:\/\/([^\s/:@"']*:)?[^\s/?#"']*@/g;
/** `name=value`, `name: value` and `"name":"value"`, up to the value. */
const name = /([\w.-]{2,100})["']?\s?[=:]\s?/g;
const value = /"[^"]*"|'[^']*'|[^\s"',;&)}\]]+/y;

/**
 * `text` without what is a secret by its form: passwords and tokens in URLs, bearer tokens, JWTs, and values behind a secret name (see `isSecretName`). For texts that
 * may quote anything, such as the messages of errors.
 */
export function scrubText(text: string): string {
  if (!isSuspicious(text)) return text;
  return withoutNamed(
    withoutJwts(text).replace(scheme, `$1 ${redacted}`).replace(login, `://$1${redacted}@`),
  );
}

/** False if `text` can have no secret. */
export function isSuspicious(text: string): boolean {
  return suspicious.test(text);
}

function withoutJwts(text: string): string {
  let scrubbed = '';
  let end = 0;
  for (const match of text.matchAll(beforeDot)) {
    const at = match[0].search(firstPart);
    if (at < 0 || match.index < end) continue;
    scrubbed += text.slice(end, match.index + at) + redacted;
    otherParts.lastIndex = match.index + match[0].length;
    end = otherParts.test(text) ? otherParts.lastIndex : text.length;
  }
  return scrubbed + text.slice(end);
}

/** Names are looked for one by one, as each may stand in the value of another: `cause: https://host/?password=…`. */
function withoutNamed(text: string): string {
  let scrubbed = '';
  let end = 0;
  for (const match of text.matchAll(name)) {
    const start = match.index + match[0].length;
    if (start < end || !isSecretName(match[1] ?? '') || text.startsWith(redacted, start)) continue;
    value.lastIndex = start;
    const length = value.exec(text)?.[0].length;
    if (length === undefined) continue;
    scrubbed += text.slice(end, start) + redacted;
    end = start + length;
  }
  return scrubbed + text.slice(end);
}
