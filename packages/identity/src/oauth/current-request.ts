import { AsyncLocalStorage } from 'node:async_hooks';
import type { OAuthConfig } from './config.ts';
import type { OAuthContext } from './definition.ts';
import type { RecordStore } from './record-store.ts';

/** What answering one request may use. The library's own objects live longer than a request, so they look here. */
export interface CurrentRequest extends Pick<OAuthContext, 'call' | 'log' | 'tx'> {
  readonly config: OAuthConfig;
  readonly records: RecordStore;
  /** The body, if it is a form. */
  readonly form: URLSearchParams;
  /** Where the request comes from, as the gateway says. */
  readonly client: string;
}

const storage = new AsyncLocalStorage<CurrentRequest>();

export function duringRequest<Result>(
  request: CurrentRequest,
  answer: () => Promise<Result>,
): Promise<Result> {
  return storage.run(request, answer);
}

export function currentRequest(): CurrentRequest {
  const request = storage.getStore();
  if (request === undefined) throw new TypeError('currentRequest(): no request is being answered.');
  return request;
}
