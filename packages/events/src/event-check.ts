const maxTextLength = 512;
const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
const sourcePattern = /^\/services\/[A-Za-z][A-Za-z0-9_-]{0,127}$/;
const namePattern = /^[A-Za-z][A-Za-z0-9_-]{0,127}\.[A-Za-z][A-Za-z0-9_-]{0,127}$/;
const traceparentPattern = /^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$/;
/** Times of which the pattern alone says that they exist: the 29th to 31st are left to the full check. */
const commonTime =
  /^\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|1\d|2[0-8])T(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:\.\d{1,9})?Z$/;
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it looks for.
const controlCharacter = /[\u0000-\u001f\u007f]/;
const dot = 46;
const prefixLength = '/services/'.length;

/**
 * True only for what the full check of `parseEvent` takes and leaves as it is, for the attributes that nearly every event has; false for anything rarer. The
 * full check costs more than parsing the JSON does, and every event is read once by every consumer.
 */
export function isPlainEvent(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  const event: { readonly [name: string]: unknown } = value as never;
  for (const name in event) if (!isPlainAttribute(name, event[name])) return false;
  const { source, banyanname } = event;
  return (
    event['specversion'] !== undefined &&
    event['id'] !== undefined &&
    event['type'] !== undefined &&
    event['subject'] !== undefined &&
    event['time'] !== undefined &&
    event['datacontenttype'] !== undefined &&
    event['data'] !== undefined &&
    typeof source === 'string' &&
    typeof banyanname === 'string' &&
    isNameOf(banyanname, source)
  );
}

function isPlainAttribute(name: string, value: unknown): boolean {
  if (name === 'data') return true;
  if (typeof value !== 'string') return false;
  switch (name) {
    case 'specversion':
      return value === '1.0';
    case 'datacontenttype':
      return value === 'application/json';
    case 'id':
    case 'causationid':
    case 'correlationid':
      return uuid.test(value);
    case 'source':
      return sourcePattern.test(value);
    case 'time':
      return commonTime.test(value);
    case 'banyanname':
      return namePattern.test(value);
    case 'traceparent':
      return traceparentPattern.test(value);
    case 'type':
    case 'subject':
    case 'banyancaller':
    case 'banyanuser':
    case 'banyanscopes':
      return isText(value);
    default:
      return false;
  }
}

function isText(value: string): boolean {
  return (
    value.length > 0 && value.length <= maxTextLength && !controlCharacter.test(value) && value.isWellFormed()
  );
}

/** True for `orders.placed` of `/services/orders`; both have their form. */
function isNameOf(name: string, source: string): boolean {
  const end = source.length - prefixLength;
  return name.charCodeAt(end) === dot && source.endsWith(name.slice(0, end));
}
