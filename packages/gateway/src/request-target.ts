import { ServiceError } from '@banyan/core';

/** Where a request goes, in the one spelling that routing, policy, static files and logs all use. */
export interface RequestTarget {
  /** Starts with `/`; unreserved characters are decoded, no empty, `.` or `..` segments, no encoded slashes. */
  readonly path: string;
  /** Without `?`. */
  readonly query: string;
}

/** Most targets: visible characters of RFC 3986, nothing encoded, no segment that is empty or starts with a dot. */
const plainPath = /^(?:\/[\w~!$&'()*+,;=:@-][\w.~!$&'()*+,;=:@-]*)+\/?$/;
const segmentCharacters = /^[\w.~!$&'()*+,;=:@%-]*$/;

/**
 * Reads a request target (RFC 9112, 3.2): origin-form, or absolute-form for the same host.
 * @throws ServiceError `invalid_argument` `invalid_path` for every spelling that two readers could understand differently
 */
export function parseRequestTarget(target: string, host: string | undefined): RequestTarget {
  const origin = target.startsWith('/') ? target : toOriginForm(target, host);
  const mark = origin.indexOf('?');
  const path = mark < 0 ? origin : origin.slice(0, mark);
  const query = mark < 0 ? '' : origin.slice(mark + 1);
  return { path: path === '/' || plainPath.test(path) ? path : normalisePath(path), query };
}

function toOriginForm(target: string, host: string | undefined): string {
  const match = /^https?:\/\/([^/?#]+)(.*)$/i.exec(target);
  if (match === null || match[1]?.toLowerCase() !== host?.toLowerCase()) throw refuse();
  const rest = match[2] ?? '';
  return rest.startsWith('/') ? rest : `/${rest}`;
}

function normalisePath(path: string): string {
  const segments = path.slice(1).split('/');
  const last = segments.length - 1;
  let normal = '';
  for (const [index, segment] of segments.entries()) {
    if (segment === '' && index < last) throw refuse();
    normal += `/${normaliseSegment(segment)}`;
  }
  return normal;
}

function normaliseSegment(segment: string): string {
  if (!segmentCharacters.test(segment)) throw refuse();
  const text = decode(segment);
  if (text === '.' || text === '..' || /[/\\\0]/.test(text)) throw refuse();
  return segment.replace(/%[0-9a-f]{2}/gi, (code) => {
    const character = String.fromCharCode(Number.parseInt(code.slice(1), 16));
    return /^[\w.~-]$/.test(character) ? character : code.toUpperCase();
  });
}

function decode(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch (cause) {
    throw refuse(cause);
  }
}

function refuse(cause?: unknown): ServiceError {
  return new ServiceError(
    'The path has empty, relative or wrongly encoded segments, or characters that do not belong there.',
    { code: 'invalid_argument', reason: 'invalid_path', cause },
  );
}
