import { type FSWatcher, watch } from 'node:fs';
import { registerHooks } from 'node:module';
import { dirname, sep } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import type { Service } from '@banyan/chassis';
import { type Clock, ServiceError } from '@banyan/core';

/** Editors write a file in several steps; one change is what settles within this time. */
const settleMs = 80;

/**
 * Watches the folders of services and calls `onChange` once per settled change of one of them.
 * @returns a function that ends it
 */
export function watchServices(
  services: readonly Service[],
  clock: Clock,
  onChange: (service: Service) => void,
): () => void {
  const watchers: FSWatcher[] = [];
  for (const service of services) {
    let cancel: (() => void) | undefined;
    const watcher = watch(folderOf(service), { recursive: true }, (_event, file) => {
      if (file === null || !/\.(ts|js|mjs|json|sql)$/.test(file)) return;
      cancel?.();
      cancel = clock.setTimer(() => onChange(service), settleMs);
    });
    // A folder that vanishes ends its own watch; the service keeps running as it is.
    watcher.on('error', () => watcher.close());
    watchers.push(watcher);
  }
  return () => {
    for (const watcher of watchers) watcher.close();
  };
}

let generation = 0;
let lastImport: Promise<unknown> = Promise.resolve();

/**
 * Imports a service's module again, with fresh copies of all files in its folder and the same copies of everything else. One import after the other:
 * of two at once the later would get the earlier one's copies, and might be done first.
 * Old copies stay in memory until the process ends: for development only.
 * @throws ServiceError `failed_precondition` `invalid_definition` if the module no longer exports the service
 */
export function importAgain(service: Service): Promise<Service> {
  const turn = lastImport.then(() => importFresh(service));
  lastImport = turn.catch(() => {});
  return turn;
}

async function importFresh(service: Service): Promise<Service> {
  generation += 1;
  const folder = pathToFileURL(folderOf(service)).href;
  const version = `?generation=${generation}`;
  const hooks = registerHooks({
    resolve(specifier, context, nextResolve) {
      const resolved = nextResolve(specifier, context);
      const isOwn = resolved.url.startsWith(folder) && !resolved.url.includes('/node_modules/');
      return isOwn && !resolved.url.includes('?') ? { ...resolved, url: resolved.url + version } : resolved;
    },
  });
  try {
    const loaded = (await import(pathToFileURL(fileOf(service)).href + version)) as Record<string, unknown>;
    const again = Object.values(loaded).find((each) => isService(each) && each.name === service.name);
    if (again === undefined) {
      throw new ServiceError(`${fileOf(service)} no longer exports the service '${service.name}'.`, {
        code: 'failed_precondition',
        reason: 'invalid_definition',
      });
    }
    return again as Service;
  } finally {
    hooks.deregister();
  }
}

function isService(value: unknown): value is Service {
  return typeof value === 'object' && value !== null && (value as { kind?: unknown }).kind === 'service';
}

function fileOf(service: Service): string {
  const place = service.definedAt.startsWith('file:') ? fileURLToPath(service.definedAt) : service.definedAt;
  return place.split('?')[0] ?? place;
}

function folderOf(service: Service): string {
  return dirname(fileOf(service)) + sep;
}
