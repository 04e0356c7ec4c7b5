/** One media range of an `Accept` field (RFC 9110, 12.5.1). */
export interface MediaRange {
  /** `*` for any. */
  readonly type: string;
  readonly subtype: string;
  /** Has parameters that none of our representations has, so it is about others. */
  readonly isNarrower: boolean;
  /** 0 to 1; 0 means never. */
  readonly quality: number;
}

/** More ranges than a browser ever sends; what comes behind them is not looked at. */
const maxRanges = 64;
const token = "[\\w!#$%&'*+.^`|~-]+";
// White space has one place where it can be matched, so that a field made to be hard takes no longer than others.
const parameter = `${token}=(?:${token}|"[^"]*")`;
const element = new RegExp(`^(${token})(?:/(${token}))?((?:\\s*;(?:\\s*${parameter})?)*)$`);

/**
 * Reads an `Accept` field. No field, or an empty one, accepts anything. Elements that are no media range are passed over; the `*` of old Java programs counts
 * as any type.
 */
export function parseAccept(field: string | undefined): readonly MediaRange[] {
  if (field === undefined || field.trim() === '') return [anything];
  return splitAtCommas(field)
    .slice(0, maxRanges)
    .map(toRange)
    .filter((range) => range !== undefined);
}

/** How gladly `mediaType` is taken: the quality of the most specific range that it is in; 0 if it is in none. */
export function qualityOf(mediaType: string, ranges: readonly MediaRange[]): number {
  const [type, subtype] = mediaType.split('/');
  let best = { quality: 0, precision: -1 };
  for (const range of ranges) {
    const precision = precisionOf(range);
    const matches =
      (range.type === '*' || range.type === type) && (range.subtype === '*' || range.subtype === subtype);
    if (!matches || range.isNarrower || precision < best.precision) continue;
    // The same range twice says two things; the kinder one does no harm.
    const quality = precision === best.precision ? Math.max(best.quality, range.quality) : range.quality;
    best = { quality, precision };
  }
  return best.quality;
}

/** True if a range names the media type itself, not by a wildcard. */
export function isNamed(mediaType: string, ranges: readonly MediaRange[]): boolean {
  return ranges.some((range) => !range.isNarrower && `${range.type}/${range.subtype}` === mediaType);
}

const anything: MediaRange = { type: '*', subtype: '*', isNarrower: false, quality: 1 };

function precisionOf({ type, subtype }: MediaRange): number {
  if (type === '*') return 0;
  return subtype === '*' ? 1 : 2;
}

function toRange(text: string): MediaRange | undefined {
  const [, type = '', subtype, parameters = ''] = element.exec(text.trim().toLowerCase()) ?? [];
  if (subtype === undefined ? type !== '*' : type === '*' && subtype !== '*') return undefined;
  let quality = 1;
  let isNarrower = false;
  for (const [name, value] of parametersOf(parameters)) {
    if (name === 'q') {
      // `.5` is wrong and common.
      if (!/^(?:0?(?:\.\d{0,3})?|1(?:\.0{0,3})?)$/.test(value) || value === '' || value === '.')
        return undefined;
      quality = Number(value);
      // Behind the weight stood extensions (RFC 7231), which nobody ever defined.
      break;
    }
    if (name !== 'charset' || value !== 'utf-8') isNarrower = true;
  }
  return { type, subtype: subtype ?? '*', isNarrower, quality };
}

function parametersOf(text: string): readonly (readonly [string, string])[] {
  return text
    .split(';')
    .map((part) => part.trim())
    .filter((part) => part !== '')
    .map((part) => {
      const equals = part.indexOf('=');
      return [part.slice(0, equals), part.slice(equals + 1).replace(/^"(.*)"$/, '$1')] as const;
    });
}

/** Commas inside quotes separate nothing. */
function splitAtCommas(field: string): readonly string[] {
  if (!field.includes('"')) return field.split(',');
  const parts: string[] = [];
  let start = 0;
  let inQuotes = false;
  for (let index = 0; index <= field.length; index += 1) {
    const character = field[index];
    if (character === '"') inQuotes = !inQuotes;
    if (character !== undefined && (character !== ',' || inQuotes)) continue;
    parts.push(field.slice(start, index));
    start = index + 1;
  }
  return parts;
}
