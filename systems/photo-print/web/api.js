import { Problem, toProblem } from './problem.js';
import { sendFile } from './send-file.js';
import { withRetries } from './with-retries.js';

/** @typedef {ReturnType<typeof createApi>} Api */
/**
 * @typedef {object} RequestOptions
 * @property {unknown} [json]
 * @property {AbortSignal} [signal]
 * @property {string} [idempotencyKey]
 * @property {boolean} [repeatable] repeating does no harm although the method is POST
 * @property {string} [trace] of what the customer does, from `newTrace`
 * @property {boolean} [anonymous] send no token, and take 401 for an answer
 */

/**
 * The system's public API. Requests that may be repeated are, while the trouble looks like passing; an expired session asks the
 * customer to sign in again and then goes on where it stopped.
 * @param {object} parts
 * @param {import('./session.js').Session} parts.session
 * @param {() => Promise<boolean>} parts.signInAgain resolves to false if the customer would rather not
 * @param {(isWaiting: boolean) => void} parts.onWaiting told when a repetition is being waited for, and when no longer
 */
export function createApi({ session, signInAgain, onWaiting }) {
  /** Sends with a valid token. @template T @param {(token: string) => Promise<T>} send @returns {Promise<T>} */
  const withToken = async (send) => {
    for (;;) {
      const token = session.current?.token;
      const usable = token !== undefined && !session.isExpired;
      if (usable) {
        try {
          return await send(token);
        } catch (error) {
          if (!(error instanceof Problem) || error.status !== 401) throw error;
        }
        // Someone else's request has had the session renewed meanwhile.
        if (session.current !== undefined && session.current.token !== token) continue;
      }
      if (!(await signInAgain())) throw new Problem('signInAbandoned', { status: 401 });
    }
  };

  /** @param {string} method @param {string} path @param {RequestOptions} options @returns {Promise<Response>} */
  const request = (method, path, options) => {
    const attempt = () =>
      options.anonymous
        ? send(method, path, options)
        : withToken((token) => send(method, path, { ...options, token }));
    const repeatable = method === 'GET' || options.repeatable || options.idempotencyKey !== undefined;
    return repeatable ? withRetries(attempt, { signal: options.signal, onWaiting }) : attempt();
  };

  return {
    /** @param {string} path @param {RequestOptions} [options] @returns {Promise<any>} */
    async get(path, options = {}) {
      return (await request('GET', path, options)).json();
    },
    /** @param {string} path @param {RequestOptions} [options] @returns {Promise<any>} */
    async post(path, options = {}) {
      return (await request('POST', path, options)).json();
    },
    /** @param {string} path @param {RequestOptions} [options] */
    async blob(path, options = {}) {
      return (await request('GET', path, options)).blob();
    },
    /**
     * Sends a file as it is. Not repeated by itself: only the customer knows what their network costs.
     * @param {string} path
     * @param {Blob} file
     * @param {{ signal: AbortSignal, idempotencyKey: string, onProgress: (share: number) => void }} options
     * @returns {Promise<any>}
     */
    upload: (path, file, options) => withToken((token) => sendFile(path, file, { ...options, token })),
  };
}

/** @param {string} method @param {string} path @param {RequestOptions & { token?: string }} options */
async function send(method, path, { json, signal, idempotencyKey, token, trace }) {
  /** @type {Record<string, string>} */
  const headers = {};
  if (token !== undefined) headers.authorization = `Bearer ${token}`;
  if (json !== undefined) headers['content-type'] = 'application/json';
  if (idempotencyKey !== undefined) headers['idempotency-key'] = idempotencyKey;
  if (trace !== undefined) headers.traceparent = trace;
  const body = json === undefined ? null : JSON.stringify(json);
  let response;
  let text;
  try {
    response = await fetch(path, { method, headers, body, signal: signal ?? null });
    if (response.ok) return response;
    text = await response.text();
  } catch (error) {
    if (signal?.aborted) throw error;
    // Fetch tells nothing about why there was no answer.
    throw new Problem('offline', { cause: error });
  }
  throw toProblem(response.status, text, response.headers.get('retry-after'));
}
