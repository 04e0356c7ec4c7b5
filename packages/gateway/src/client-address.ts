import type { IncomingMessage } from 'node:http';
import { BlockList, isIP } from 'node:net';

/** Finds out whom a request comes from: the peer of its connection, or whom trusted proxies say that they act for. */
export interface ClientAddresses {
  /** @param peer address of the connection's other end, IPv4 as such */
  clientOf(request: IncomingMessage, peer: string | undefined): string;
  /** The whole address, also of an IPv6 client. */
  addressOf(request: IncomingMessage, peer: string | undefined): string;
  /** How the client speaks to the first of our proxies, or to the gateway itself. */
  schemeOf(request: IncomingMessage, peer: string | undefined): 'http' | 'https';
}

/** @param trusted addresses and networks (`10.1.0.0/16`) of proxies whose `X-Forwarded-For` counts */
export function createClientAddresses(trusted: readonly string[]): ClientAddresses {
  if (trusted.length === 0) {
    return {
      clientOf: (_request, peer) => clientOfAddress(peer),
      addressOf: (_request, peer) => peer ?? 'unknown',
      schemeOf: ownScheme,
    };
  }
  const proxies = new BlockList();
  for (const each of trusted) addTo(proxies, each);
  return {
    clientOf: (request, peer) => clientOfAddress(forwardedFor(request, { peer, proxies })),
    addressOf: (request, peer) => forwardedFor(request, { peer, proxies }) ?? 'unknown',
    schemeOf(request, peer) {
      const address = peer ?? '';
      const isProxy = isIP(address) !== 0 && proxies.check(address, familyOf(address));
      const said = isProxy ? request.headers['x-forwarded-proto'] : undefined;
      return said === 'http' || said === 'https' ? said : ownScheme(request);
    },
  };
}

function ownScheme({ socket }: IncomingMessage): 'http' | 'https' {
  return (socket as { readonly encrypted?: boolean }).encrypted === true ? 'https' : 'http';
}

/** What is wrong with the trusted proxies, with the fix. */
export function proxyProblems(trusted: readonly unknown[]): string[] {
  return trusted
    .filter((each) => typeof each !== 'string' || !isNetwork(each))
    .map(
      (each) =>
        `'trustedProxies' has '${String(each)}'; write addresses and networks, such as '10.1.0.0/16'.`,
    );
}

/**
 * Each proxy appends whom it got the request from, so the list is true from its end up to the first address that no trusted proxy has; what stands
 * before that one, its sender made up.
 */
function forwardedFor(
  { headers }: IncomingMessage,
  { peer, proxies }: { readonly peer: string | undefined; readonly proxies: BlockList },
): string | undefined {
  let client = peer;
  const said = headers['x-forwarded-for'];
  const hops = (Array.isArray(said) ? said.join(',') : (said ?? '')).split(',');
  while (client !== undefined && proxies.check(client, familyOf(client))) {
    const before = addressOf(hops.pop() ?? '');
    if (before === undefined) return client;
    client = before;
  }
  return client;
}

/** Without a port and brackets; undefined for anything but an address (`unknown`, `_hidden`). */
function addressOf(hop: string): string | undefined {
  const text = hop.trim();
  const bare = /^\[([^\]]+)\](?::\d+)?$/.exec(text)?.[1] ?? /^([\d.]+):\d+$/.exec(text)?.[1] ?? text;
  return isIP(bare) === 0 ? undefined : plainAddress(bare);
}

/** IPv4 addresses mapped into IPv6 as IPv4. */
export function plainAddress(address: string): string {
  return /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1] ?? address;
}

function familyOf(address: string): 'ipv4' | 'ipv6' {
  return address.includes(':') ? 'ipv6' : 'ipv4';
}

function isNetwork(text: string): boolean {
  const [address = '', bits, ...rest] = text.split('/');
  const family = isIP(address);
  if (family === 0 || rest.length > 0) return false;
  return bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= (family === 4 ? 32 : 128));
}

function addTo(list: BlockList, text: string): void {
  const [address = '', bits] = text.split('/');
  if (bits === undefined) list.addAddress(address, familyOf(address));
  else list.addSubnet(address, Number(bits), familyOf(address));
}

/**
 * The client that an address stands for. An IPv6 subscriber owns a whole /64, so those count as one; IPv4 addresses mapped into
 * IPv6 count as IPv4.
 */
export function clientOfAddress(address: string | undefined): string {
  if (address === undefined) return '';
  if (!address.includes(':')) return address;
  const v4 = plainAddress(address);
  if (v4 !== address) return v4;
  const [head = '', tail] = address.split('::');
  const groups = head === '' ? [] : head.split(':');
  if (tail !== undefined) {
    const after = tail === '' ? [] : tail.split(':');
    while (groups.length + after.length < 8) groups.push('0');
  }
  // Proxies write the same address in several ways.
  return `${groups
    .slice(0, 4)
    .map((group) => Number.parseInt(group, 16).toString(16))
    .join(':')}::/64`;
}
