import { createErrorFactory, uuidv7 } from '@banyan/core';
import { discoveryErrors, type Instance, type Registration } from '@banyan/discovery';

export interface InstanceRow {
  readonly id: string;
  readonly service: string;
  readonly url: string;
  readonly version: string;
  readonly startedAt: string;
  readonly metadata: Readonly<Record<string, string>> | null;
  readonly expiresAt: string;
}

export class RowRegistration implements Registration {
  readonly instance: Instance;
  readonly holder = uuidv7();
  readonly #end: (registration: RowRegistration) => Promise<void>;
  #ended: Promise<void> | undefined;

  constructor(instance: Instance, end: (registration: RowRegistration) => Promise<void>) {
    this.instance = instance;
    this.#end = end;
  }

  deregister(): Promise<void> {
    this.#ended ??= this.#end(this);
    return this.#ended;
  }
}

export function toInstance({ id, service, url, version, startedAt, metadata }: InstanceRow): Instance {
  const instance = { id, service, url, version, startedAt };
  return Object.freeze(metadata === null ? instance : { ...instance, metadata: Object.freeze(metadata) });
}

export const registryError = createErrorFactory(discoveryErrors);
