/**
 * Where two JSON values differ first, as a JSON pointer without the values' own names of array positions; undefined if they do not.
 * @param ignore names of fields that may differ, at any depth
 */
export function firstDifference(
  old: unknown,
  own: unknown,
  ignore: ReadonlySet<string>,
  at = '',
): string | undefined {
  if (Object.is(old, own)) return undefined;
  if (Array.isArray(old) && Array.isArray(own)) {
    if (old.length !== own.length) return `${at}/length`;
    for (const [index, value] of old.entries()) {
      const found = firstDifference(value, own[index], ignore, `${at}/${index}`);
      if (found !== undefined) return found;
    }
    return undefined;
  }
  if (!isRecord(old) || !isRecord(own)) return at === '' ? '/' : at;
  for (const name of new Set([...Object.keys(old), ...Object.keys(own)])) {
    if (ignore.has(name)) continue;
    const found = firstDifference(old[name], own[name], ignore, `${at}/${name}`);
    if (found !== undefined) return found;
  }
  return undefined;
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
