import { request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { ServiceError } from '@banyan/core';
import type { CloudEvent } from '@banyan/events';
import { type CallbackGuard, createCallbackGuard, type Resolve } from './callback-guard.ts';

/** An answer on its way to a URL that the requester named. */
export interface Callback {
  readonly url: string;
  readonly event: CloudEvent;
}

export interface CallbacksOptions {
  /** See {@link createCallbackGuard}. */
  readonly allow: readonly string[];
  /** Default: the operating system's resolver. */
  readonly resolve?: Resolve;
}

export interface Callbacks {
  /** @throws ServiceError `permission_denied` `callback_refused` if no callback may ever go there */
  check(url: string): void;
  /**
   * POSTs the event in CloudEvents' structured mode. The receiver knows a repeated one by its `id`.
   * @throws ServiceError `unavailable` `callback_failed` if trying again may help, `failed_precondition` `callback_rejected` if the receiver does not want it,
   * `permission_denied` `callback_refused` if the address is not allowed
   */
  deliver(callback: Callback, signal: AbortSignal): Promise<void>;
}

const timeoutMs = 10_000;
/** Answers that ask to try again, beside those of 500 and above. */
const retryableStatuses: ReadonlySet<number> = new Set([408, 425, 429]);

export function createCallbacks(options: CallbacksOptions): Callbacks {
  const guard = createCallbackGuard(options);
  return {
    check: (url) => {
      guard.check(url);
    },
    deliver: ({ url, event }, signal) => post({ url, event, guard, signal }),
  };
}

/** The event as strangers may see it: without who called and on whose behalf. */
export function toPublicEvent(event: CloudEvent): CloudEvent {
  const { banyancaller: _caller, banyanuser: _user, banyanscopes: _scopes, dataref: _ref, ...rest } = event;
  return rest;
}

/** What a message to oneself carries. */
export function parseCallback(data: unknown): Callback {
  const { url, event } = (data ?? {}) as Partial<Callback>;
  if (typeof url !== 'string' || typeof event !== 'object') {
    throw new ServiceError('This is no callback: it needs a url and an event.', {
      code: 'invalid_argument',
      reason: 'invalid_input',
    });
  }
  return { url, event };
}

interface Post extends Callback {
  readonly guard: CallbackGuard;
  readonly signal: AbortSignal;
}

async function post({ url, event, guard, signal }: Post): Promise<void> {
  const { target, address } = await guard.resolve(url);
  const body = JSON.stringify(event);
  const limit = AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]);
  const send = target.protocol === 'https:' ? httpsRequest : httpRequest;
  const status = await new Promise<number>((resolve, reject) => {
    const request = send(target, {
      method: 'POST',
      headers: {
        'content-type': 'application/cloudevents+json; charset=utf-8',
        'content-length': Buffer.byteLength(body),
        'idempotency-key': event.id,
      },
      // A connection of its own to the very address that was checked: a second look-up could give another one.
      agent: false,
      lookup: (_host, { all }, callback) =>
        all ? callback(null, [address]) : callback(null, address.address, address.family),
      signal: limit,
    });
    request.on('error', reject);
    request.on('response', (response) => {
      // Nobody reads what it says, and it might never end.
      response.destroy();
      resolve(response.statusCode ?? 0);
    });
    request.end(body);
  }).catch((cause: unknown) => {
    throw failed(target, cause);
  });
  if (status >= 200 && status < 300) return;
  if (status >= 500 || retryableStatuses.has(status)) throw failed(target, undefined, status);
  throw new ServiceError(`${target.host} answered the callback with status ${status}.`, {
    code: 'failed_precondition',
    reason: 'callback_rejected',
  });
}

function failed({ host }: URL, cause: unknown, status?: number): ServiceError {
  const why = status === undefined ? 'could not be reached' : `answered with status ${status}`;
  return new ServiceError(`${host} ${why}; the callback is tried again.`, {
    code: 'unavailable',
    reason: 'callback_failed',
    cause,
  });
}
