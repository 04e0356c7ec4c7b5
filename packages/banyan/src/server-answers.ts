import { isServiceError, ServiceError } from '@banyan/core';

/**
 * Runs `task`, which asks the server of `DATABASE_URL`.
 * @param url what the variable says; undefined for the embedded server
 * @throws ServiceError as `task`; if the server does not answer, with its host and port in the text, and never with user or password
 */
export async function withServer<T>(url: string | undefined, task: () => Promise<T>): Promise<T> {
  try {
    return await task();
  } catch (cause) {
    if (url === undefined || !isServiceError(cause) || cause.reason !== 'database_unavailable') throw cause;
    const { code, reason } = cause;
    const why = (cause.cause as { readonly code?: unknown } | undefined)?.code ?? 'no answer';
    const message = `PostgreSQL at ${placeOf(url)} (DATABASE_URL) does not answer: ${String(why)}.`;
    throw new ServiceError(message, { code, reason, cause });
  }
}

function placeOf(url: string): string {
  const parsed = URL.parse(url);
  if (parsed === null) return 'an address that is no URL';
  return `${parsed.hostname || 'localhost'}:${parsed.port || '5432'}`;
}
