/** How a value that is JSON inside can look outside. */
export const formats = ['json', 'xml', 'text'] as const;
export type Format = (typeof formats)[number];

/** The media types of each, the registered one first; the others are old names that clients still use. */
export const typesOf: Readonly<Record<Format, readonly [string, ...string[]]>> = {
  json: ['application/json', 'text/json'],
  xml: ['application/xml', 'text/xml'],
  text: ['text/plain'],
};

/** Those that a request body may have: text is for reading only. */
export const bodyFormats = ['json', 'xml'] as const satisfies readonly Format[];

/** Why `wanted` is no list of formats, with the fix; undefined if it is one. Plain JavaScript can hand in anything. */
export function formatsProblem(wanted: unknown): string | undefined {
  const list: readonly unknown[] = Array.isArray(wanted) ? wanted : [];
  const isRight = list.length > 0 && list.every((each) => formats.some((format) => format === each));
  if (isRight && new Set(list).size === list.length) return undefined;
  return `needs a list of ${formats.map((format) => `'${format}'`).join(', ')} as formats, each at most once, the preferred one first.`;
}
