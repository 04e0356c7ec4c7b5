/** What to do, by `reason`. @type {Record<string, string>} */
const byReason = {
  offline: 'There is no connection right now. Try again in a moment.',
  unknownRestaurant: 'The restaurant has just opened, and orders has not heard of it yet. Try again.',
  minimumNotMet: 'That is less than the restaurant cooks for. Take more.',
  orderStateForbids: 'Something else is being done with this order. Wait a moment.',
  ticketStateForbids: 'Something else has been done with this ticket. Look again.',
  idempotencyKeyReused: 'An earlier attempt was taken after all. Order again if you want this as well.',
  notReady: 'The restaurant has not said yet that it is ready.',
  invalid_input: 'Some of what you entered needs another look.',
};

/** A request that did not do what it should; its message is for people. */
export class Problem extends Error {
  /** @param {string} reason @param {number} status 0: no answer came */
  constructor(reason, status) {
    super(byReason[reason] ?? 'That did not work. Try again in a moment.');
    this.reason = reason;
    this.status = status;
  }
}

/**
 * Calls a service through the gateway.
 * @param {string} method @param {string} path @param {unknown} [json] @param {{ token?: string, idempotencyKey?: string }} [options]
 * @returns {Promise<any>}
 */
export async function request(method, path, json, { token, idempotencyKey } = {}) {
  const response = await fetch(path, {
    method,
    headers: {
      accept: 'application/json',
      ...(json !== undefined && { 'content-type': 'application/json' }),
      ...(token !== undefined && { authorization: `Bearer ${token}` }),
      ...(idempotencyKey !== undefined && { 'idempotency-key': idempotencyKey }),
    },
    ...(json !== undefined && { body: JSON.stringify(json) }),
  }).catch(() => undefined);
  if (response === undefined) throw new Problem('offline', 0);
  const isJson = /json/.test(response.headers.get('content-type') ?? '');
  const answer = isJson ? await response.json().catch(() => ({})) : {};
  if (!response.ok) throw new Problem(answer.reason ?? 'no_problem_details', response.status);
  return answer;
}

/**
 * Somebody who is signed in, and is again when their token has run out.
 * @param {string} role @param {string} id
 */
export function signedInAs(role, id) {
  /** @type {Promise<string> | undefined} */
  let token;
  const signIn = async () => (await request('POST', '/sessions', { role, id })).token;
  return {
    id,
    /** @param {string} method @param {string} path @param {unknown} [json] @param {string} [idempotencyKey] */
    async request(method, path, json, idempotencyKey) {
      token ??= signIn();
      try {
        return await request(method, path, json, { token: await token, idempotencyKey });
      } catch (error) {
        if (!(error instanceof Problem && error.status === 401)) {
          if (error instanceof Problem && error.status === 0) token = undefined;
          throw error;
        }
        token = signIn();
        return request(method, path, json, { token: await token, idempotencyKey });
      }
    },
  };
}
/** @typedef {ReturnType<typeof signedInAs>} Somebody */
