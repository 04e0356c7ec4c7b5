import { hasDatabase, type Service } from '@banyan/chassis';
import type { Clock } from '@banyan/core';
import { createMemoryRegistry, createStaticRegistry, type Registry } from '@banyan/discovery';

/**
 * The registry that `REGISTRY_URL` names; undefined for the built-in one of the platform's database.
 * @param isAlone true if every part of the system runs in this process, which then needs to ask nobody
 */
export function createNamedRegistry(
  name: string | undefined,
  { isAlone, clock }: { readonly isAlone: boolean; readonly clock: Clock },
): Registry | undefined {
  if (name?.startsWith('static:')) return createStaticRegistry(name);
  return isAlone ? createMemoryRegistry({ clock }) : undefined;
}

/** Names of the services that need a database of their own. */
export function servicesWithDatabase(services: readonly Service[]): readonly string[] {
  return services.filter(hasDatabase).map((service) => service.name);
}
