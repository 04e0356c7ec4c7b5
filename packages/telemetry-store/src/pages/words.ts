const word = /[\p{L}\p{N}_]+/gu;

/** The words of a text: runs of letters, digits and `_`, in lower case. `order-42` is two. */
export function wordsOf(text: string): readonly string[] {
  return text.toLowerCase().match(word) ?? [];
}

/** What a search box says: words that must be there, phrases, and words that must not. */
export interface TextQuery {
  /** Each a word, or several in this order beside each other. */
  readonly phrases: readonly (readonly string[])[];
  readonly without: readonly (readonly string[])[];
}

/** `card "not found" -retry` */
export function parseTextQuery(text: string): TextQuery {
  const phrases: (readonly string[])[] = [];
  const without: (readonly string[])[] = [];
  for (const [, minus, quoted, plain] of text.matchAll(/(-?)(?:"([^"]*)"?|(\S+))/g)) {
    const words = wordsOf(quoted ?? plain ?? '');
    if (words.length > 0) (minus === '-' ? without : phrases).push(words);
  }
  return { phrases, without };
}

/** Most texts lack a word, which is seen without taking them apart. */
export function matchesText(text: string, query: TextQuery): boolean {
  const lower = text.toLowerCase();
  if (!query.phrases.every((phrase) => phrase.every((word) => lower.includes(word)))) return false;
  const words = wordsOf(lower);
  return (
    query.phrases.every((phrase) => hasPhrase(words, phrase)) &&
    !query.without.some((phrase) => hasPhrase(words, phrase))
  );
}

function hasPhrase(words: readonly string[], phrase: readonly string[]): boolean {
  const [first = ''] = phrase;
  for (let at = words.indexOf(first); at !== -1; at = words.indexOf(first, at + 1)) {
    if (phrase.every((word, index) => words[at + index] === word)) return true;
  }
  return false;
}
