import { isNamed, type MediaRange, parseAccept, qualityOf } from './accept.ts';
import { type Format, typesOf } from './format.ts';

/** A format under one of its names. */
export interface Choice {
  readonly format: Format;
  /** The name that the client knows it by. */
  readonly mediaType: string;
}

interface Candidate extends Choice {
  readonly quality: number;
}

/**
 * The format that a client takes most gladly; among equals the one that comes first in `offered`. Old names such as `text/xml` are answered with when they
 * were asked for.
 * @param accept the `Accept` field
 * @returns undefined if the client takes none of them
 */
export function negotiate(accept: string | undefined, offered: readonly Format[]): Choice | undefined {
  const ranges = parseAccept(accept);
  let best: Candidate | undefined;
  for (const candidate of offered.flatMap((format) => candidatesOf(format, ranges))) {
    if (candidate.quality > (best?.quality ?? 0)) best = candidate;
  }
  return best;
}

/** A wildcard means what has that type by right: `text/*` is plain text, not JSON under an old name. */
function candidatesOf(format: Format, ranges: readonly MediaRange[]): readonly Candidate[] {
  const [main, ...others] = typesOf[format];
  return [main, ...others.filter((name) => isNamed(name, ranges))].map((mediaType) => ({
    format,
    mediaType,
    quality: qualityOf(mediaType, ranges),
  }));
}

const problemJson = 'application/problem+json';
const problemXml = 'application/problem+xml';

/** Which of its two forms problem details should have (RFC 9457): as for the answer itself, JSON when in doubt. */
export function negotiateProblem(accept: string | undefined): 'json' | 'xml' {
  const ranges = parseAccept(accept);
  const best = (...names: readonly string[]) => Math.max(...names.map((name) => qualityOf(name, ranges)));
  return best(problemXml, ...typesOf.xml) > best(problemJson, ...typesOf.json) ? 'xml' : 'json';
}

export const problemTypes = { json: problemJson, xml: problemXml } as const;
