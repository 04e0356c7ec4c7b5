import type { HostOptions } from '@banyan/chassis';
import { invalid } from './invalid-setting.ts';
import type { Settings } from './settings.ts';

/** `host`, `host:port`, `[2001:db8::1]` or `[2001:db8::1]:port`. */
const pattern = /^(?<host>\[[\da-f:.]+\]|[a-z\d](?:[\w.-]*[a-z\d])?)(?::(?<port>\d{1,5}))?$/i;
const everywhere: ReadonlySet<string> = new Set(['0.0.0.0', '::']);

/**
 * Where others reach the services among `parts`. A gateway is not in the registry, and of a `static:` one the addresses are the operator's to say.
 * @throws ServiceError `failed_precondition` `invalid_configuration` for what is no address, or one that leads whoever calls it to themselves
 */
export function advertisedAddress(
  { advertise, host, registryUrl }: Pick<Settings, 'advertise' | 'host' | 'registryUrl'>,
  parts: readonly string[],
): Pick<HostOptions, 'advertised'> {
  const services = parts.filter((part) => part !== 'gateway');
  if (services.length === 0 || registryUrl !== undefined) return {};
  if (advertise === undefined) {
    if (everywhere.has(host))
      throw invalid(
        `HOST=${host} is no address that others can call: set BANYAN_ADVERTISE to one, as 'host' or 'host:port'.`,
      );
    return {};
  }
  const { host: name, port } = pattern.exec(advertise)?.groups ?? {};
  if (name === undefined || Number(port ?? 1) < 1 || Number(port ?? 1) > 65_535)
    throw invalid(`BANYAN_ADVERTISE takes 'host' or 'host:port', not '${advertise}'.`);
  if (port === undefined) return { advertised: { host: name } };
  if (services.length > 1)
    throw invalid(
      `BANYAN_ADVERTISE with a port is for one service; here are ${services.length}, each with a port of its own.`,
    );
  return { advertised: { host: name, port: Number(port) } };
}
