export const statuses = [
  'placed',
  'paid',
  'printing',
  'printed',
  'despatched',
  'payment-declined',
  'cancelled',
] as const;
export type Status = (typeof statuses)[number];

/**
 * The life of an order: what each status may turn into. Steps can be skipped, because news from different services can overtake
 * each other on the way.
 */
export const following: Readonly<Record<Status, readonly Status[]>> = {
  placed: ['paid', 'printing', 'printed', 'despatched', 'payment-declined', 'cancelled'],
  paid: ['printing', 'printed', 'despatched', 'cancelled'],
  printing: ['printed', 'despatched'],
  printed: ['despatched'],
  despatched: [],
  'payment-declined': [],
  cancelled: [],
};

/**
 * What news of `step` means for an order in `status`: `moves` it there; was `overtaken` by later news, so that only its time is
 * still of interest; or is `ignored`, as a repetition or as something that cannot be.
 */
export function effectOf(step: Status, status: Status): 'moves' | 'overtaken' | 'ignored' {
  if (following[status].includes(step)) return 'moves';
  return following[step].includes(status) ? 'overtaken' : 'ignored';
}
