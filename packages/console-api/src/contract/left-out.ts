import { z } from 'zod';

/** Services that a list over all of them is without, since they could not be asked, such as while their database is away; `reason` as problems have it. */
export const leftOut = {
  leftOut: z.array(z.object({ service: z.string(), reason: z.string() })),
} as const;
