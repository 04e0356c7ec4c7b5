import { setTimeout as pause } from 'node:timers/promises';

/** The public HTTP API as somebody's program sees it: nothing here knows how the system is built. */
export interface Session {
  /** @throws ApiError unless the answer is 2xx */
  // biome-ignore lint/suspicious/noExplicitAny: the demo trusts the system that it shows.
  request(method: 'GET' | 'POST' | 'PUT', path: string, json?: unknown): Promise<any>;
}

export interface Api {
  /** Without signing in. */
  readonly anyone: Session;
  signIn(role: string, id: string): Promise<Session>;
}

export class ApiError extends Error {
  readonly status: number;
  readonly reason: string;

  constructor(status: number, reason: string, detail: string) {
    super(`${status} ${reason}: ${detail}`);
    this.status = status;
    this.reason = reason;
  }
}

export function createApi(baseUrl: string): Api {
  const anyone = createSession(baseUrl);
  return {
    anyone,
    async signIn(role, id) {
      const { token } = await anyone.request('POST', '/sessions', { role, id });
      return createSession(baseUrl, token);
    },
  };
}

function createSession(baseUrl: string, token?: string): Session {
  return {
    async request(method, path, json) {
      const response = await fetch(new URL(path, baseUrl), {
        method,
        headers: {
          ...(token !== undefined && { authorization: `Bearer ${token}` }),
          ...(json !== undefined && { 'content-type': 'application/json' }),
        },
        ...(json !== undefined && { body: JSON.stringify(json) }),
      });
      const text = await response.text();
      if (!response.ok) throw toApiError(response.status, text);
      return text === '' ? undefined : JSON.parse(text);
    },
  };
}

function toApiError(status: number, text: string): ApiError {
  try {
    const { reason, detail } = JSON.parse(text);
    return new ApiError(status, String(reason), String(detail));
  } catch {
    return new ApiError(status, 'no_problem_details', text.slice(0, 200));
  }
}

const maxWaitMs = 30_000;

/**
 * What `read` answers as soon as it is as `wanted`. An answer of 404 counts as not yet: services tell each other by events, so one of them may not know yet.
 * @throws Error if that takes longer than half a minute
 */
export async function eventually<Answer>(
  read: () => Promise<Answer>,
  wanted: (answer: Answer) => boolean,
): Promise<Answer> {
  const untilMs = Date.now() + maxWaitMs;
  for (;;) {
    const answer = await read().catch((error: unknown) => {
      if (error instanceof ApiError && error.status === 404) return undefined;
      throw error;
    });
    if (answer !== undefined && wanted(answer)) return answer;
    if (Date.now() > untilMs) throw new Error(`It is still ${JSON.stringify(answer)}.`);
    await pause(100);
  }
}
