import { randomUUID } from 'node:crypto';
import type { ServiceContext, Uses } from '@banyan/chassis';

/** The context of a call, as the platform gives it to handlers. */
export type CallScope = ServiceContext<Uses, unknown>;

/**
 * Requests that the plain service works on. It is told a name for each, and whoever knows the name may call on behalf of that request's user, until it
 * is answered: the plain service speaks for users whose requests it has, and for nobody else.
 */
export interface OpenCalls {
  open(scope: CallScope): string;
  /** Undefined if there is none of that name, or no longer. */
  find(name: string): CallScope | undefined;
  close(name: string): void;
}

export function createOpenCalls(): OpenCalls {
  const scopes = new Map<string, CallScope>();
  return {
    open(scope) {
      const name = randomUUID();
      scopes.set(name, scope);
      return name;
    },
    find: (name) => scopes.get(name),
    close: (name) => void scopes.delete(name),
  };
}
