const camelCases = new Map<string, string>();
const maxCachedNames = 10_000;

/** `order_id` → `orderId`. Digits and leading underscores stay, so that {@link toSnakeCase} leads back to the same column. */
export function toCamelCase(column: string): string {
  let name = camelCases.get(column);
  if (name === undefined) {
    name = column.replace(/(?<=.)_([a-z])/g, (_, letter: string) => letter.toUpperCase());
    // Column names can be computed (pivots): forget them all rather than grow for ever.
    if (camelCases.size >= maxCachedNames) camelCases.clear();
    camelCases.set(column, name);
  }
  return name;
}

/** `orderId` → `order_id`. */
export function toSnakeCase(key: string): string {
  return key.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

/** One quoted identifier. PostgreSQL would cut longer names at 63 bytes, two of which may then mean the same table. */
export function quoteIdentifier(name: string): string {
  if (typeof name !== 'string' || name === '' || name.includes('\0') || Buffer.byteLength(name) > 63) {
    throw new TypeError(`A SQL identifier has 1 to 63 bytes and no NUL character, not ${describe(name)}.`);
  }
  return `"${name.replaceAll('"', '""')}"`;
}

function describe(name: unknown): string {
  return typeof name === 'string' ? JSON.stringify(name.slice(0, 80)) : typeof name;
}
