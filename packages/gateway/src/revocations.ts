import type { TokenNames } from '@banyan/auth';
import type { Clock, Logger } from '@banyan/core';
import { createCallContext, type Endpoint } from '@banyan/rpc';
import { anonymous } from './user-authentication.ts';

/**
 * Access tokens that no longer count although their time is not over, as the service that ends sessions tells. Asked for every two seconds, so
 * that a sign-out is known everywhere within five. While it cannot be asked, tokens live until they expire: a few minutes.
 */
export interface Revocations {
  isRevoked(token: TokenNames): boolean;
  start(): void;
  /** Idempotent. */
  stop(): void;
}

export interface RevocationsOptions {
  readonly endpoint: Endpoint;
  /** Answers `{ asOf, revoked: [{ kind: 'token' | 'session', id, until }] }` for `{ since }`. */
  readonly operation: string;
  readonly clock: Clock;
  readonly logger: Logger;
}

export const noRevocations: Revocations = {
  isRevoked: () => false,
  start: () => undefined,
  stop: () => undefined,
};

export function createRevocations(options: RevocationsOptions): Revocations {
  return new PolledRevocations(options);
}

const everyMs = 2_000;
/** What was committed late is told again: so long may a transaction take from its beginning to its end. */
const overlapMs = 10_000;
const timeoutMs = 2_000;

interface Revoked {
  readonly kind: string;
  readonly id: string;
  readonly until: string;
}

class PolledRevocations implements Revocations {
  readonly #options: RevocationsOptions;
  /** Until when, in epoch milliseconds, by `kind id`. */
  readonly #revoked = new Map<string, number>();
  #since: string | undefined;
  #cancelNext: (() => void) | undefined;
  #isStopped = false;
  #fails = false;

  constructor(options: RevocationsOptions) {
    this.#options = options;
  }

  isRevoked({ tokenId, sessionId }: TokenNames): boolean {
    if (this.#revoked.size === 0) return false;
    return (
      (tokenId !== undefined && this.#revoked.has(`token ${tokenId}`)) ||
      (sessionId !== undefined && this.#revoked.has(`session ${sessionId}`))
    );
  }

  start(): void {
    void this.#ask().finally(() => {
      if (!this.#isStopped) this.#cancelNext = this.#options.clock.setTimer(() => this.start(), everyMs);
    });
  }

  stop(): void {
    this.#isStopped = true;
    this.#cancelNext?.();
  }

  async #ask(): Promise<void> {
    const { endpoint, operation, clock, logger } = this.#options;
    const context = createCallContext({ caller: anonymous, timeoutMs });
    try {
      const answer = await endpoint.call(operation, { since: this.#since }, context);
      const { asOf, revoked } = answer as { readonly asOf: string; readonly revoked: readonly Revoked[] };
      for (const { kind, id, until } of revoked) this.#revoked.set(`${kind} ${id}`, Date.parse(until));
      this.#since = new Date(Date.parse(asOf) - overlapMs).toISOString();
      this.#forget(clock.nowMs());
      if (this.#fails) logger.info('revoked tokens are known again');
      this.#fails = false;
    } catch (error) {
      if (!this.#fails && !this.#isStopped) logger.warn('revoked tokens are not known', { error });
      this.#fails = true;
    } finally {
      context.end();
    }
  }

  #forget(nowMs: number): void {
    for (const [key, untilMs] of this.#revoked) {
      if (untilMs < nowMs) this.#revoked.delete(key);
    }
  }
}
