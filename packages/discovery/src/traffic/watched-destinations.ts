import type { Destination } from './destination.ts';
import type { ServiceTraffic } from './traffic-rules.ts';
import { fitsVersion } from './version.ts';

/** What `current` or `weights` of a rule send to and its watch may leave: all that is not where it goes back to. */
export function watchedDestinations({
  current,
  weights = [],
  watch,
}: ServiceTraffic): readonly Destination[] {
  if (watch === undefined) return [];
  const sentTo = current === undefined ? weights.filter(({ weight }) => weight > 0) : [{ version: current }];
  return sentTo.filter((to) => !overlap(to, { version: watch.back }));
}

/** True if the two may be one, said in more or fewer parts of the version: `2` and `2.1.0`, or a label alone. */
export function overlap(
  { version: left, label }: Destination,
  { version: right, label: otherLabel }: Destination,
): boolean {
  if (label !== otherLabel) return false;
  return left === undefined || right === undefined || fitsVersion(left, right) || fitsVersion(right, left);
}
