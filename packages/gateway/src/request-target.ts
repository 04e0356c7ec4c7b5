import { ServiceError } from '@banyan/core';

/** Where a request goes, in the one spelling that routing, policy, static files and logs all use. */
export interface RequestTarget {
  /** Starts with `/`; unreserved characters are decoded, no empty, `.` or `..` segments, also before a `;`, no encoded slashes. */
  readonly path: string;
  /** Without `?`. */
  readonly query: string;
}

/** Most targets: visible characters of RFC 3986, nothing encoded, no segment that is empty or starts with a dot or a parameter. */
const plainPath = /^(?:\/[\w~!$&'()*+,=:@-][\w.~!$&'()*+,;=:@-]*)+\/?$/;
const segmentCharacters = /^[\w.~!$&'()*+,;=:@%-]*$/;

/**
 * Reads a request target (RFC 9112, 3.2): origin-form, or absolute-form for the same host.
 * @throws ServiceError `invalid_argument` `invalid_path` for every spelling that two readers could understand differently, `malformed_request` for
 * the absolute form for another host
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
  if (match === null) throw invalidPath();
  if (match[1]?.toLowerCase() !== host?.toLowerCase()) throw otherHost();
  const rest = match[2] ?? '';
  return rest.startsWith('/') ? rest : `/${rest}`;
}

function normalisePath(path: string): string {
  const segments = path.slice(1).split('/');
  const last = segments.length - 1;
  let normal = '';
  for (const [index, segment] of segments.entries()) {
    if (segment === '' && index < last) throw invalidPath();
    normal += `/${normaliseSegment(segment)}`;
  }
  return normal;
}

function normaliseSegment(segment: string): string {
  if (!segmentCharacters.test(segment)) throw invalidPath();
  const text = decode(segment);
  const name = withoutParameters(text);
  if (name === '.' || name === '..' || (name === '' && text !== '') || /[/\\\0]/.test(text))
    throw invalidPath();
  return segment.replace(/%[0-9a-f]{2}/gi, (code) => {
    const character = String.fromCharCode(Number.parseInt(code.slice(1), 16));
    return /^[\w.~-]$/.test(character) ? character : code.toUpperCase();
  });
}

/**
 * The path as programs read it that decode everything and drop the parameters of segments (RFC 3986, 3.3): `/admin` of `/%61dmin;a=1`.
 * @param path normalised
 */
export function readLeniently(path: string): string {
  if (!/[;%]/.test(path)) return path;
  return path
    .split('/')
    .map((segment) => withoutParameters(decodeURIComponent(segment)))
    .join('/');
}

function withoutParameters(segment: string): string {
  const mark = segment.indexOf(';');
  return mark < 0 ? segment : segment.slice(0, mark);
}

function decode(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch (cause) {
    throw invalidPath(cause);
  }
}

/** Whoever reads the one takes the request for another one than whoever reads the other. */
function otherHost(): ServiceError {
  return new ServiceError('The request target and the Host header name different hosts.', {
    code: 'invalid_argument',
    reason: 'malformed_request',
  });
}

export function invalidPath(cause?: unknown): ServiceError {
  return new ServiceError(
    'The path has empty, relative or wrongly encoded segments, or characters that do not belong there.',
    { code: 'invalid_argument', reason: 'invalid_path', cause },
  );
}
