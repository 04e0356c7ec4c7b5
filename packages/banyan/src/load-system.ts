import { access } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { System } from '@banyan/chassis';
import { ServiceError } from '@banyan/core';

/**
 * Imports `system.ts` of a folder.
 * @throws ServiceError `not_found` `no_system` if there is none or it has no `system(...)` as its default export;
 * `failed_precondition` `invalid_definition` with what the modules themselves threw, and where
 */
export async function loadSystem(directory: string): Promise<System> {
  const file = join(resolve(directory), 'system.ts');
  try {
    await access(file);
  } catch (cause) {
    const message = `There is no system here: ${file} does not exist. Go to a system's folder, or name it with '--dir'.`;
    throw new ServiceError(message, { code: 'not_found', reason: 'no_system', cause });
  }
  const candidate = (await importModule(file)).default;
  if (!isSystem(candidate)) {
    throw new ServiceError(`${file} must have 'export default system(...)'.`, {
      code: 'not_found',
      reason: 'no_system',
    });
  }
  return candidate;
}

async function importModule(file: string): Promise<{ default?: unknown }> {
  try {
    return (await import(pathToFileURL(file).href)) as { default?: unknown };
  } catch (cause) {
    const message = cause instanceof Error ? cause.message : String(cause);
    throw new ServiceError(`${message}${describePlace(cause)}`, {
      code: 'failed_precondition',
      reason: 'invalid_definition',
      cause,
    });
  }
}

/** The user's own line that led to `error`: the first stack frame outside of Node and of this platform. */
function describePlace(error: unknown): string {
  const frames = error instanceof Error ? (error.stack ?? '').split('\n') : [];
  const own = frames.find(
    (frame) => /\(?file:|\(\//.test(frame) && !/node_modules|\/packages\/|node:/.test(frame),
  );
  const place = own?.match(/\(?((?:file:)?\/[^)]+)\)?$/)?.[1];
  return place === undefined ? '' : `\n  at ${place.replace('file://', '')}`;
}

function isSystem(value: unknown): value is System {
  return typeof value === 'object' && value !== null && (value as { kind?: unknown }).kind === 'system';
}
