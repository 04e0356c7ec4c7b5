/** About what an object and a field cost, beside what is in them. */
const objectBytes = 40;
const fieldBytes = 16;

/** About how many bytes of memory a record takes. Its resource is not counted, which it shares with others. */
export function sizeOf(value: unknown): number {
  if (typeof value === 'string') return value.length;
  if (typeof value !== 'object' || value === null) return 0;
  let bytes = objectBytes;
  for (const [name, field] of Object.entries(value))
    bytes += name === 'resource' ? fieldBytes : fieldBytes + sizeOf(field);
  return bytes;
}
