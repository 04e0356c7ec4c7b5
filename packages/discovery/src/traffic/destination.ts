import type { Instance } from '../instance.ts';
import { fitsVersion } from './version.ts';

/** Which instances of a service may get a request. */
export interface Destination {
  /** Those of this version: `2`, `2.1` or `2.1.0`. Default: of any. */
  readonly version?: string;
  /** Those with this label. Default: those without one, so that a labelled instance gets nothing but what is sent to its label. */
  readonly label?: string;
}

/** Name of the label in an instance's metadata. */
export const instanceLabel = 'label';

/** Addresses of a fixed registry tell no version: they fit any. */
const unknownVersion = 'unknown';

export function admits(
  { version, label }: Destination,
  instance: Pick<Instance, 'version' | 'metadata'>,
): boolean {
  if (instance.metadata?.[instanceLabel] !== label) return false;
  return (
    version === undefined || instance.version === unknownVersion || fitsVersion(instance.version, version)
  );
}

/** `2`, `@canary` or `2@canary`. */
export function destinationText({ version = '', label }: Destination): string {
  return label === undefined ? version : `${version}@${label}`;
}
