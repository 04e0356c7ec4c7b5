/** Attempts of a step that fails for a reason that may be a mistake in the code, unless its own policy says otherwise. */
export const faultAttempts = 5;
/** Attempts to undo, confirm or void, after which an operator is needed. */
export const compensationAttempts = 10;
/** The same while the other side is away. */
export const patientAttempts = 60;

export const compensationRetry = { firstMs: 200, maxMs: 30_000 };
/** Of a child saga that cannot be started. */
export const childRetry = { firstMs: 100, maxMs: 30_000, maxAttempts: undefined };
