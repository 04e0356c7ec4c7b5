/** The name of a service in its certificate: a SPIFFE ID, with the system as trust domain. */
export function serviceUri(system: string, service: string): string {
  return `spiffe://${system.toLowerCase()}/service/${service}`;
}

/**
 * The service that a certificate is about.
 * @param alternativeNames as Node.js gives them: `URI:spiffe://shop/service/orders, DNS:orders.example`
 * @returns undefined unless it has exactly one URI, and that names a service of `system` (SPIFFE X.509-SVID, 2)
 */
export function serviceOfCertificate(
  system: string,
  alternativeNames: string | undefined,
): string | undefined {
  const uris = (alternativeNames ?? '').split(', ').filter((name) => name.startsWith('URI:'));
  const [only] = uris;
  const prefix = `URI:${serviceUri(system, '')}`;
  if (uris.length !== 1 || only === undefined || !only.startsWith(prefix)) return undefined;
  const service = only.slice(prefix.length);
  return /^[A-Za-z][A-Za-z0-9_-]*$/.test(service) ? service : undefined;
}
