/** Words that make a name secret, wherever they stand in it: `dbPassword`, `x-api-key`, `ACCESS_TOKEN`. Plurals count too. */
export const secretWords: readonly string[] = [
  'apikey',
  'authorization',
  'cookie',
  'credential',
  'cvc',
  'cvv',
  'jwt',
  'key',
  'otp',
  'passphrase',
  'passwd',
  'password',
  'pwd',
  'secret',
  'token',
];

/** Names that hold a secret word and no secret. */
export const harmlessNames: readonly string[] = [
  'cacheKey',
  'eventKey',
  'foreignKey',
  'idempotencyKey',
  'keyId',
  'orderingKey',
  'partitionKey',
  'primaryKey',
  'publicKey',
  'routingKey',
];

export const redacted = '[redacted]';

const words: ReadonlySet<string> = new Set(secretWords.flatMap((word) => [word, `${word}s`]));
const harmless: ReadonlySet<string> = new Set(harmlessNames.map((name) => wordsOf(name).join()));
const maxRemembered = 2_000;
const remembered = new Map<string, boolean>();

/** True if a value under this name must not be written down. Case and `-`, `_`, `.` do not matter. */
export function isSecretName(name: string): boolean {
  const known = remembered.get(name);
  if (known !== undefined) return known;
  const parts = wordsOf(name);
  const secret =
    (parts.some((part) => words.has(part)) || words.has(parts.join(''))) && !harmless.has(parts.join());
  // Names can come from outside: forget rather than grow.
  if (remembered.size >= maxRemembered) remembered.clear();
  remembered.set(name, secret);
  return secret;
}

function wordsOf(name: string): readonly string[] {
  return name
    .slice(0, 200)
    .replace(/([a-z0-9])([A-Z])|([A-Z])([A-Z][a-z])/g, '$1$3 $2$4')
    .toLowerCase()
    .split(/[^a-z]+/)
    .filter((part) => part !== '');
}
