import type { Logger } from '@banyan/core';

/** Something that is open until it is closed, such as a connection. */
export interface Closable {
  /** Idempotent. */
  close(): Promise<void>;
}

/** What a resource is opened with. */
export interface ResourceContext<Config> {
  readonly config: Config;
  /** Carries the service's name. */
  readonly log: Logger;
}

/** What one running service has open. */
export interface ServiceResources {
  /** The same for the same `open`, which is called once. */
  get<Value extends Closable>(open: (context: ResourceContext<never>) => Value): Value;
  /** Closes everything, last first; one that fails does not keep the others open. */
  close(): Promise<void>;
}

export function createServiceResources(context: ResourceContext<unknown>): ServiceResources {
  const opened = new Map<unknown, Closable>();
  return {
    get<Value extends Closable>(open: (context: ResourceContext<never>) => Value): Value {
      const known = opened.get(open);
      // Kept under the function that made it.
      if (known !== undefined) return known as Value;
      const made = open(context as ResourceContext<never>);
      opened.set(open, made);
      return made;
    },
    async close() {
      const closing = [...opened.values()].reverse();
      opened.clear();
      for (const each of closing) {
        await each.close().catch((error: unknown) => context.log.warn('a resource did not close', { error }));
      }
    },
  };
}
