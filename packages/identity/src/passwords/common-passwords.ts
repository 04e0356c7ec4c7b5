import { readFile } from 'node:fs/promises';

let loaded: Promise<ReadonlySet<string>> | undefined;

/** The passwords that are tried first: 5,000 of those with 8 characters or more, in lower case. */
export function commonPasswords(): Promise<ReadonlySet<string>> {
  loaded ??= read();
  return loaded;
}

async function read(): Promise<ReadonlySet<string>> {
  const text = await readFile(new URL('./common-passwords.txt', import.meta.url), 'utf8');
  return new Set(text.trimEnd().split('\n'));
}
