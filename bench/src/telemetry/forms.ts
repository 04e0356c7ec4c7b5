/** How the same system is watched. `sampled`: a tenth of the traces and every error, as in production; `all`: every trace. */
export const forms = ['off', 'sampled', 'all', 'sdk'] as const;
export type Form = (typeof forms)[number];
