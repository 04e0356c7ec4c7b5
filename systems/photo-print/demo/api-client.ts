/** The public HTTP API as a customer's program sees it: nothing here knows how the system is built. */
export interface ApiClient {
  /** @throws ApiError unless the answer is 2xx */
  request(method: 'GET' | 'POST', path: string, options?: RequestOptions): Promise<Answer>;
}

export interface RequestOptions {
  readonly token?: string;
  readonly json?: unknown;
  readonly photo?: { readonly contentType: string; readonly bytes: Buffer };
  readonly idempotencyKey?: string;
}

export interface Answer {
  readonly location: string | undefined;
  readonly bytes: Buffer;
  // biome-ignore lint/suspicious/noExplicitAny: the demo trusts the system that it shows.
  json(): any;
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

const busyStatuses = [429, 503];
const maxAttempts = 5;

export function createApiClient(baseUrl: string): ApiClient {
  const send = async (method: string, path: string, options: RequestOptions): Promise<Answer> => {
    const response = await fetch(new URL(path, baseUrl), {
      method,
      headers: headersOf(options),
      body: options.photo?.bytes ?? (options.json === undefined ? null : JSON.stringify(options.json)),
    });
    const bytes = Buffer.from(await response.arrayBuffer());
    if (!response.ok) throw toApiError(response.status, bytes);
    return {
      location: response.headers.get('location') ?? undefined,
      bytes,
      json: () => JSON.parse(bytes.toString('utf8')),
    };
  };
  return {
    async request(method, path, options = {}) {
      for (let attempt = 1; ; attempt += 1) {
        try {
          return await send(method, path, options);
        } catch (error) {
          // A busy system asks to come back later; every request here can be repeated without doing harm.
          const busy = error instanceof ApiError && busyStatuses.includes(error.status);
          if (!busy || attempt === maxAttempts) throw error;
          await pause(attempt * 500);
        }
      }
    },
  };
}

export function pause(delayMs: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, delayMs));
}

function headersOf({ token, json, photo, idempotencyKey }: RequestOptions): Record<string, string> {
  return {
    ...(token === undefined ? undefined : { authorization: `Bearer ${token}` }),
    ...(json === undefined ? undefined : { 'content-type': 'application/json' }),
    ...(photo === undefined ? undefined : { 'content-type': photo.contentType }),
    ...(idempotencyKey === undefined ? undefined : { 'idempotency-key': idempotencyKey }),
  };
}

function toApiError(status: number, body: Buffer): ApiError {
  try {
    const { reason, detail } = JSON.parse(body.toString('utf8'));
    return new ApiError(status, String(reason), String(detail));
  } catch {
    return new ApiError(status, 'no_problem_details', body.toString('utf8').slice(0, 200));
  }
}
