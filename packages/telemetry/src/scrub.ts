import { isSecretName, redacted } from './redaction.ts';

const suspicious = /[=:]|eyJ|earer |asic /;
const jwt = /\beyJ[\w-]{5,}\.[\w-]{5,}(\.[\w-]*)?/g;
const scheme = /\b(Bearer|Basic) +[\w.~+/=-]{6,}/gi;
const password = /(:\/\/[^\s:/@]*:)[^\s/@]+@/g;
/** `name=value`, `name: value` and `"name":"value"`; whether the name is secret is asked for each. */
const named = /([\w.-]{2,100})("|')?(\s?[=:]\s?)("[^"]*"|'[^']*'|[^\s"',;&)}\]]+)/g;

/**
 * `text` without what is a secret by its form: passwords in URLs, bearer tokens, JWTs, and values behind a secret name (see `isSecretName`). For texts that
 * may quote anything, such as the messages of errors.
 */
export function scrubText(text: string): string {
  if (!suspicious.test(text)) return text;
  return text
    .replace(jwt, redacted)
    .replace(scheme, `$1 ${redacted}`)
    .replace(password, `$1${redacted}@`)
    .replace(named, (whole, name: string, quote: string | undefined, between: string) =>
      isSecretName(name) && !whole.includes(redacted) ? `${name}${quote ?? ''}${between}${redacted}` : whole,
    );
}
