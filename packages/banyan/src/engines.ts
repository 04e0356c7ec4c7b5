import { hasDatabase, type Service } from '@banyan/chassis';
import type { Clock } from '@banyan/core';
import { createMemoryRegistry, createStaticRegistry, type Registry } from '@banyan/discovery';
import { invalid } from './invalid-setting.ts';

/** @throws ServiceError `failed_precondition` `invalid_configuration`, or `invalid_static_registry` for addresses in another form */
export function checkRegistryUrl(name: string | undefined): void {
  if (name === undefined) return;
  if (name.startsWith('static:')) {
    createStaticRegistry(name);
    return;
  }
  throw invalid(
    "REGISTRY_URL takes 'static:orders=http://10.0.0.1:4001;payments=http://10.0.0.2:4001'; without it services find each other in the platform's database.",
  );
}

/**
 * The registry that `REGISTRY_URL` names; undefined for the built-in one of the platform's database.
 * @param isAlone true if every part of the system runs in this process, which then needs to ask nobody
 */
export function createNamedRegistry(
  name: string | undefined,
  { isAlone, clock }: { readonly isAlone: boolean; readonly clock: Clock },
): Registry | undefined {
  if (name !== undefined) return createStaticRegistry(name);
  return isAlone ? createMemoryRegistry({ clock }) : undefined;
}

/** Names of the services that need a database of their own. */
export function servicesWithDatabase(services: readonly Service[]): readonly string[] {
  return services.filter(hasDatabase).map((service) => service.name);
}
