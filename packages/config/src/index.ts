export {
  type ConfigProblem,
  type ConfigResult,
  type ConfigSource,
  type ConfiguredService,
  type ReadConfigOptions,
  readAllConfig,
  readConfig,
} from './config.ts';
export { type ConfigRow, describeConfig } from './describe-config.ts';
export { parseEnvFile } from './env-file.ts';
export { type LoadEnvironmentOptions, type LoadedEnvironment, loadEnvironment } from './environment.ts';
export { configErrors } from './errors.ts';
export type { ConfigWarning } from './unknown-variables.ts';
export { variableNameOf } from './variable-name.ts';
