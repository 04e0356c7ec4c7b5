import { invalid } from './invalid-setting.ts';

const maxOwnerLength = 200;

/** @throws ServiceError `failed_precondition` `invalid_configuration` */
export function parseErrorOwners(value: string | undefined): Readonly<Record<string, string>> {
  if (value === undefined) return {};
  const owners = value.split(',').map((each) => {
    const at = each.indexOf('=');
    const [service, owner] = [each.slice(0, Math.max(at, 0)).trim(), each.slice(at + 1).trim()];
    if (service === '' || owner === '' || owner.length > maxOwnerLength)
      throw invalid(
        `BANYAN_ERROR_OWNERS takes services with their owners, such as orders=ada@example.com,payments=the payments team, not '${each.trim()}'.`,
      );
    return [service, owner] as const;
  });
  const services = owners.map(([service]) => service);
  const twice = services.find((service, index) => services.indexOf(service) !== index);
  if (twice !== undefined) throw invalid(`BANYAN_ERROR_OWNERS names '${twice}' twice.`);
  return Object.fromEntries(owners);
}
