/**
 * The environment variable of a service's property: both in constant case, joined by `_`.
 *
 * Words begin at a capital after a small letter or digit (`maxQuantity` → `MAX_QUANTITY`), at the last capital of a run before a small letter
 * (`apiURLPath` → `API_URL_PATH`), and after anything that is no letter or digit (`photo-print` → `PHOTO_PRINT`). Digits stay with the word before
 * them (`s3Bucket` → `S3_BUCKET`, `http2` → `HTTP2`).
 */
export function variableNameOf(service: string, property: string): string {
  return `${constantCase(service)}_${constantCase(property)}`;
}

export function constantCase(name: string): string {
  return name
    .replace(/([a-z0-9])([A-Z])/g, '$1_$2')
    .replace(/([A-Z])([A-Z][a-z])/g, '$1_$2')
    .replace(/[^A-Za-z0-9]+/g, '_')
    .replace(/^_|_$/g, '')
    .toUpperCase();
}

const secretWords: ReadonlySet<string> = new Set(
  [
    'APIKEY',
    'CREDENTIAL',
    'JWT',
    'KEY',
    'PASSPHRASE',
    'PASSWD',
    'PASSWORD',
    'PWD',
    'SECRET',
    'TOKEN',
  ].flatMap((word) => [word, `${word}S`]),
);

/** True for names that hold a word such as key, password, secret or token: their values are never shown. */
export function isSecretProperty(name: string): boolean {
  return constantCase(name)
    .split('_')
    .some((word) => secretWords.has(word));
}
