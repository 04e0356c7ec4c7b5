import type { Json, Resource } from '../records.ts';
import type { TextQuery } from './words.ts';

/**
 * A quick look at a page before its items are taken apart, which costs ten times as much. It sees their JSON in lower case, and may only rule out what cannot match;
 * who has the items looks at them again.
 */
export interface PageLook {
  /** Each must be in an item. */
  readonly texts?: readonly string[];
  readonly mayMatch?: ((item: string) => boolean) | undefined;
  readonly isSender?: (sender: Resource) => boolean;
}

/** Its lower case depends on the letters beside it, and in JSON there may be others beside it than in the text. */
const sigma = /[σς]/;

/** The words that an item must have, wherever; the longest, which are most often the rarest, first. */
export function wordTexts({ phrases }: TextQuery): readonly string[] {
  const words = new Set(phrases.flat().filter((word) => !sigma.test(word)));
  return [...words].toSorted((a, b) => b.length - a.length);
}

/** A field of an item as its JSON has it, whatever else there is. */
export function fieldText(name: string, value: Json): readonly string[] {
  const text = `"${name}":${JSON.stringify(value)}`.toLowerCase();
  return sigma.test(text) ? [] : [text];
}

/** An attribute whose value is written like this in a search. What has quotes in it may be a text or an object: they differ in JSON. */
export function attributeTexts(key: string, value: string | undefined): readonly string[] {
  const texts = [`${JSON.stringify(key)}:`.toLowerCase()];
  if (value !== undefined && !/["\\]/.test(value))
    texts.push(JSON.stringify(value).slice(1, -1).toLowerCase());
  return texts.filter((text) => !sigma.test(text));
}

/** The first number of that name, which is the item's own: attributes come behind it, and in a text its quotes would be escaped. */
export function numberOf(item: string, name: string): number {
  const at = item.indexOf(`"${name}":`);
  return at === -1
    ? Number.NaN
    : Number.parseInt(item.slice(at + name.length + 3, at + name.length + 23), 10);
}
