/** Why a request did not do what it should. `reason` is stable and decides what the customer is told. */
export class Problem extends Error {
  /**
   * @param {string} reason
   * @param {{ status?: number, code?: string, details?: any, retryAfterMs?: number, cause?: unknown }} [more] `status` 0: no answer came
   */
  constructor(reason, { status = 0, code, details, retryAfterMs, cause } = {}) {
    super(reason, { cause });
    this.name = 'Problem';
    this.reason = reason;
    this.status = status;
    this.code = code;
    this.details = details;
    this.retryAfterMs = retryAfterMs;
  }

  /** True if the same request may well succeed in a moment. */
  get isPassing() {
    return [0, 408, 429, 502, 503, 504].includes(this.status);
  }
}

/**
 * Reads an answer that is not 2xx. Whatever stands between us and the system may answer with something else than problem details.
 * @param {number} status
 * @param {string} text
 * @param {string | null} retryAfter
 */
export function toProblem(status, text, retryAfter) {
  const retryAfterS = Number(retryAfter);
  const retryAfterMs = retryAfter !== null && retryAfterS >= 0 ? retryAfterS * 1000 : undefined;
  try {
    const { reason, code, details } = JSON.parse(text);
    if (typeof reason === 'string') return new Problem(reason, { status, code, details, retryAfterMs });
  } catch {
    // No JSON: only the status is known.
  }
  return new Problem('no_problem_details', { status, retryAfterMs });
}

/** True unless asking again can only end the same way. @param {unknown} error */
export function mayPass(error) {
  return !(error instanceof Problem) || error.isPassing || error.status >= 500;
}
