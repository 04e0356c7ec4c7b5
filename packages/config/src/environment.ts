import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { ConfigSource, ConfiguredService } from './config.ts';
import { parseEnvFile } from './env-file.ts';
import { configError } from './errors.ts';
import { type ConfigWarning, findUnknownVariables } from './unknown-variables.ts';

export interface LoadEnvironmentOptions {
  /** The real environment, `process.env`. It wins over files, also with an empty value. */
  readonly env: ConfigSource;
  /** Paths of `.env` files; earlier ones win, missing ones are skipped. */
  readonly files: readonly (string | URL)[];
  /** Whose variables to look over for typing errors. Default none. */
  readonly services?: readonly ConfiguredService[];
  /** Variables with a service's prefix that something else reads, such as `ORDERS_DATABASE_URL`. */
  readonly known?: readonly string[];
}

export interface LoadedEnvironment {
  readonly source: ConfigSource;
  readonly warnings: readonly ConfigWarning[];
}

/**
 * The environment together with `.env` files, read once and synchronously: nothing else can start before it.
 * @throws ServiceError `failed_precondition` `invalid_env_file` if a file cannot be read or understood
 */
export function loadEnvironment(options: LoadEnvironmentOptions): LoadedEnvironment {
  const layers = options.files.map(readEnvFile).toReversed();
  // Entries, not assignment: a variable may be named `__proto__`.
  const entries = [...layers, options.env].flatMap((layer) => Object.entries(layer));
  const source: ConfigSource = Object.fromEntries(entries.filter(([, value]) => value !== undefined));
  const { services = [], known = [] } = options;
  return { source, warnings: findUnknownVariables({ services, source, known }) };
}

function readEnvFile(file: string | URL): ConfigSource {
  const path = file instanceof URL ? fileURLToPath(file) : file;
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (cause) {
    const code = String((cause as { code?: unknown }).code);
    if (code === 'ENOENT') return {};
    throw configError('invalid_env_file', { message: `${path}: the file cannot be read (${code}).`, cause });
  }
  return parseEnvFile(text, path);
}
