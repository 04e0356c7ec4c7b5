/**
 * What a test allows beyond a promised time, in ms: a shared machine may stand still for a second or two, and be slow before and after.
 * For promises of seconds; what takes forever when it is broken is waited for instead.
 */
export const stallMs = 5_000;
