import { ServiceError } from '@banyan/core';
import { fitsVersion, isVersionText } from '@banyan/discovery';
import type { Exchange } from '../exchange.ts';
import { versionName } from './names.ts';

const inQuery = /(?:^|&)api-version=/;
const inPath = /^\/v(\d[0-9A-Za-z.+-]*)(\/.*)$/;

/** `/v2/orders/7`: the version, and the path without it; undefined if the path begins with none. */
export function splitVersionedPath(
  path: string,
): { readonly version: string; readonly rest: string } | undefined {
  const [, version, rest] = inPath.exec(path) ?? [];
  return version === undefined || rest === undefined || !isVersionText(version)
    ? undefined
    : { version, rest };
}

/**
 * The version that a request asks for by header, path or query; undefined if it does not. Takes it out of the query, which is the service's.
 * @throws ServiceError `invalid_argument` `version_conflict` if it asks for several; `not_found` `unknown_version` for what is no version
 */
export function takeAskedVersion(exchange: Exchange): string | undefined {
  const header = exchange.request.headers[versionName];
  const { pathVersion } = exchange;
  const isInQuery = exchange.query !== '' && inQuery.test(exchange.query);
  if (header === undefined && pathVersion === undefined && !isInQuery) return undefined;
  const asked = [header, pathVersion, ...(isInQuery ? takeFromQuery(exchange) : [])].filter(
    (each) => each !== undefined,
  );
  let narrowest: string | undefined;
  for (const version of asked) {
    if (!isVersionText(version))
      throw unknownVersion(`'${String(version).slice(0, 100)}' is no version.`, []);
    if (narrowest === undefined || fitsVersion(version, narrowest)) narrowest = version;
    else if (!fitsVersion(narrowest, version)) throw conflict(narrowest, version);
  }
  return narrowest;
}

export function unknownVersion(message: string, versions: readonly string[]): ServiceError {
  return new ServiceError(message, { code: 'not_found', reason: 'unknown_version', details: { versions } });
}

function takeFromQuery(exchange: Exchange): readonly string[] {
  const parts = exchange.query.split('&');
  const isVersion = (part: string) => part.startsWith(`${versionName}=`);
  exchange.query = parts.filter((part) => !isVersion(part)).join('&');
  return parts.filter(isVersion).map((part) => decode(part.slice(versionName.length + 1)));
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function conflict(one: string, other: string): ServiceError {
  return new ServiceError(
    `The request asks for version ${one} and for version ${other}. Ask once: by header, path or query.`,
    { code: 'invalid_argument', reason: 'version_conflict' },
  );
}
