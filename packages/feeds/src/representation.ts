import { feedsError } from './errors.ts';
import { type EntryForm, type FeedRequest, mediaTypes } from './feed-operation.ts';

/** One of the forms that the same URL answers in. */
export interface Representation {
  readonly format: keyof typeof mediaTypes;
  readonly entries: EntryForm;
  readonly contentType: string;
  /** Short and unique among the forms: part of the entity tag. */
  readonly tag: string;
}

interface MediaRange {
  readonly type: string;
  readonly parameters: ReadonlyMap<string, string>;
  readonly quality: number;
}

interface Offer {
  readonly type: string;
  readonly format: Representation['format'];
  /** Not what is answered, but a name that people ask by; no wildcard means it. */
  readonly isAlias?: true;
}

/** The first is preferred where all are liked the same. */
const offers: readonly Offer[] = [
  { type: mediaTypes.atom, format: 'atom' },
  { type: mediaTypes.json, format: 'json' },
  { type: mediaTypes.jsonFeed, format: 'jsonFeed' },
  { type: 'application/xml', format: 'atom', isAlias: true },
  { type: 'text/xml', format: 'atom', isAlias: true },
];

/**
 * The form that the `Accept` header likes best (RFC 9110, 12.5.1); Atom if it does not say. `entries` is a parameter of the media
 * type or of the query, which wins.
 * @throws ServiceError `invalid_argument` `not_acceptable`, status 406
 */
export function negotiate({ accept, entries }: FeedRequest): Representation {
  if (accept === undefined || accept.trim() === '') return toRepresentation('atom', entries ?? 'summary');
  const ranges = accept.slice(0, maxHeaderLength).split(',').map(parseRange);
  let best: { readonly quality: number; readonly representation: Representation } | undefined;
  for (const offer of offers) {
    const { format } = offer;
    const range = mostSpecific(ranges, offer);
    if (range === undefined || range.quality === 0 || range.quality <= (best?.quality ?? 0)) continue;
    const form = entries ?? (range.parameters.get('entries') === 'embedded' ? 'embedded' : 'summary');
    best = { quality: range.quality, representation: toRepresentation(format, form) };
  }
  if (best !== undefined) return best.representation;
  throw feedsError('not_acceptable', {
    message: `A feed comes as ${Object.values(mediaTypes).join(', ')}.`,
    status: 406,
  });
}

const maxHeaderLength = 2_000;

function parseRange(text: string): MediaRange {
  const [type = '', ...pairs] = text.split(';').map((part) => part.trim().toLowerCase());
  const parameters = new Map<string, string>();
  for (const pair of pairs) {
    const [name = '', value = ''] = pair.split('=');
    parameters.set(name.trim(), value.trim().replace(/^"(.*)"$/, '$1'));
  }
  const quality = Number(parameters.get('q') ?? 1);
  return { type, parameters, quality: quality >= 0 && quality <= 1 ? quality : 0 };
}

/** A range that names more decides, whatever a wider one says. */
function mostSpecific(ranges: readonly MediaRange[], { type, isAlias }: Offer): MediaRange | undefined {
  const wider = isAlias ? [] : [`${type.split('/', 1)[0]}/*`, '*/*'];
  for (const wanted of [type, ...wider]) {
    const named = ranges.filter((range) => range.type === wanted);
    if (named.length > 0) return named.reduce((best, range) => (range.quality > best.quality ? range : best));
  }
  return undefined;
}

function toRepresentation(format: Representation['format'], entries: EntryForm): Representation {
  const suffix = format === 'json' && entries === 'embedded' ? '; entries=embedded' : '';
  return {
    format,
    entries,
    contentType: mediaTypes[format] + suffix,
    tag: `${format}-${entries === 'embedded' ? 'e' : 's'}`,
  };
}
