import { compare } from '../instance.ts';

/** `2`, `2.1` or `2.1.0`: the whole version, or the beginning of one. */
export function isVersionText(text: unknown): text is string {
  return (
    typeof text === 'string' &&
    text.length <= 100 &&
    /^\d{1,9}(?:\.\d{1,9}){0,2}(?:[-+][0-9A-Za-z.+-]+)?$/.test(text)
  );
}

/** True if `version` is `asked`, or begins with it part by part: 2.1.0 fits 2, 2.1 and 2.1.0, and not 2.10. */
export function fitsVersion(version: string, asked: string): boolean {
  return version === asked || version.startsWith(`${asked}.`);
}

/** Lowest first; what is no number comes before what is, as pre-releases do. */
export function compareVersions(left: string, right: string): number {
  const [ours, theirs] = [partsOf(left), partsOf(right)];
  for (const index of [0, 1, 2]) {
    const difference = (ours.numbers[index] ?? 0) - (theirs.numbers[index] ?? 0);
    if (difference !== 0) return difference;
  }
  if (ours.rest === theirs.rest) return 0;
  // A pre-release comes before its release (semver.org, 11).
  if (ours.rest === '' || theirs.rest === '') return ours.rest === '' ? 1 : -1;
  return compare(ours.rest, theirs.rest);
}

export function majorOf(version: string): string {
  return version.split('.', 1)[0] ?? version;
}

function partsOf(version: string): { readonly numbers: readonly number[]; readonly rest: string } {
  const [release = '', ...rest] = version.replace(/\+.*$/, '').split('-');
  return { numbers: release.split('.').map(Number), rest: rest.join('-') };
}
