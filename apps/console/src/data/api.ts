/** What the API could not do, with what the reader can do about it. */
export class Problem extends Error {
  readonly status: number;
  readonly reason: string | undefined;

  constructor(
    message: string,
    { status = 0, reason }: { status?: number; reason?: string | undefined } = {},
  ) {
    super(message);
    this.status = status;
    this.reason = reason;
  }
}

/** Asks the console's own API. @throws Problem */
export function get<Answer>(path: string, signal?: AbortSignal): Promise<Answer> {
  return send<Answer>(path, signal === undefined ? {} : { signal });
}

/** @throws Problem */
export function post<Answer>(path: string, body: unknown = {}): Promise<Answer> {
  return change<Answer>('POST', path, body);
}

/** @throws Problem */
export function put<Answer>(path: string, body: unknown): Promise<Answer> {
  return change<Answer>('PUT', path, body);
}

/** @throws Problem */
export function patch<Answer>(path: string, body: unknown): Promise<Answer> {
  return change<Answer>('PATCH', path, body);
}

/** @throws Problem */
export function remove<Answer>(path: string): Promise<Answer> {
  return send<Answer>(path, { method: 'DELETE' });
}

function change<Answer>(method: string, path: string, body: unknown): Promise<Answer> {
  return send<Answer>(path, {
    method,
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
}

async function send<Answer>(path: string, init: RequestInit): Promise<Answer> {
  const response = await fetch(path, init).catch((cause: unknown) => {
    if (init.signal?.aborted === true) throw cause;
    throw new Problem('The console does not answer. Is the system running? Start it with “banyan up”.');
  });
  const text = await response.text();
  const answer = parse(text);
  if (response.ok) return answer as Answer;
  const problem = toProblem(response, answer as Readonly<Record<string, unknown>> | undefined);
  if (problem.reason === 'sign_in_needed') signIn();
  throw problem;
}

/** What this page asks from now on is refused, and must lead to sign-in no second time. */
let isLeaving = false;

/** Back to this page afterwards. */
function signIn(): void {
  if (isLeaving) return;
  isLeaving = true;
  location.assign(`/sign-in?to=${encodeURIComponent(location.pathname + location.search)}`);
}

/** Goes to where the provider ends its own session, too. */
export async function signOut(): Promise<void> {
  isLeaving = true;
  try {
    const { to } = await post<{ readonly to: string }>('/sign-out');
    location.assign(to);
  } catch (error) {
    isLeaving = false;
    throw error;
  }
}

function parse(text: string): unknown {
  try {
    return text === '' ? undefined : JSON.parse(text);
  } catch {
    return undefined;
  }
}

function toProblem(
  { status, statusText }: Response,
  body: Readonly<Record<string, unknown>> | undefined,
): Problem {
  const said = body?.['detail'] ?? body?.['title'] ?? body?.['message'];
  const message = typeof said === 'string' ? said : `The console answered ${status} ${statusText}.`;
  const reason = body?.['reason'];
  return new Problem(message, { status, reason: typeof reason === 'string' ? reason : undefined });
}
