/** Where other processes reach a service. */
export interface AdvertisedAddress {
  /** A name, or an address; IPv6 in brackets. */
  readonly host: string;
  /** Default: the port that the service listens on. */
  readonly port?: number;
}

/** @param url where it listens, always with its port */
export function toAdvertised(url: string, { host, port }: AdvertisedAddress): string {
  return `${new URL(url).protocol}//${host}:${port ?? url.slice(url.lastIndexOf(':') + 1)}`;
}
