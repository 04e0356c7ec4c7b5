import { lookup } from 'node:dns/promises';
import { BlockList, isIP } from 'node:net';
import { ServiceError } from '@banyan/core';

export interface ResolvedAddress {
  readonly address: string;
  readonly family: number;
}

/** The addresses of a host. */
export type Resolve = (host: string) => Promise<readonly ResolvedAddress[]>;

export interface CallbackTarget {
  readonly target: URL;
  /** Checked; connect to this one and no other. */
  readonly address: ResolvedAddress;
}

/** Keeps callbacks from reaching what only this machine can reach (server-side request forgery, OWASP API7:2023). */
export interface CallbackGuard {
  /** @throws ServiceError `permission_denied` `callback_refused` */
  check(url: string): URL;
  /** Looks the host up once. @throws as `check`, also for an address that is not allowed; `unavailable` `callback_failed` if there is none */
  resolve(url: string): Promise<CallbackTarget>;
}

/**
 * @param options.allow who may be called. `hooks.example.com` and `*.example.com` name hosts, by https and http, on public addresses; `*` is every host, by
 * https, on public addresses. `10.1.0.0/16` and `127.0.0.1` name addresses, by https and http, private ones too. `host:port` is that port alone. Empty: nobody
 * @throws TypeError if an entry is none of these
 */
export function createCallbackGuard(options: {
  readonly allow: readonly string[];
  readonly resolve?: Resolve;
}): CallbackGuard {
  const rules = options.allow.map(parseRule);
  const resolve = options.resolve ?? ((host: string) => lookup(host, { all: true }));
  const ruleFor = (url: URL) => rules.find((rule) => rule.matchesHost(url));
  const check = (text: string) => {
    const url = URL.canParse(text) ? new URL(text) : undefined;
    if (url === undefined || (url.protocol !== 'https:' && url.protocol !== 'http:'))
      throw refused(`'${text}' is no http or https URL`);
    if (url.username !== '' || url.password !== '') throw refused('a callback URL carries no password');
    const rule = ruleFor(url);
    if (rule === undefined)
      throw refused(`'${url.host}' is not allowed: BANYAN_CALLBACKS names the hosts that are`);
    if (url.protocol === 'http:' && rule.isEverybody)
      throw refused(`'${url.host}' is allowed by https only: name it in BANYAN_CALLBACKS for http`);
    return url;
  };
  return {
    check,
    async resolve(text) {
      const target = check(text);
      const host = hostOf(target);
      const addresses =
        isIP(host) === 0 ? await lookUp(host, resolve) : [{ address: host, family: isIP(host) }];
      const [address] = addresses;
      if (address === undefined) throw notFound(host);
      // One that is not allowed spoils them all: whoever mixes addresses is trying something.
      for (const each of addresses) {
        const isNamed = rules.some((rule) => rule.allowsAddress(each, target));
        if (!isNamed && !isPublic(each))
          throw refused(`'${host}' leads to ${each.address}, which is not public`);
      }
      return { target, address };
    },
  };
}

interface Rule {
  readonly isEverybody: boolean;
  matchesHost(url: URL): boolean;
  allowsAddress(address: ResolvedAddress, url: URL): boolean;
}

const hostPattern = /^(?<host>\*|(?:\*\.)?[a-z0-9-]+(?:\.[a-z0-9-]+)*)(?::(?<port>\d{1,5}))?$/i;
const blockPattern =
  /^(?<address>[0-9.]+|[0-9a-f:]*:[0-9a-f:.]*|\[[0-9a-f:.]+\])(?:\/(?<bits>\d{1,3}))?(?:(?<=[\].0-9]):(?<port>\d{1,5}))?$/i;

function parseRule(text: string): Rule {
  return parseAddressRule(text) ?? parseHostRule(text);
}

function parseAddressRule(text: string): Rule | undefined {
  // An IPv6 address has colons of its own, so only a bracketed one can have a port.
  const whole =
    isIP(text) === 6 ? { address: text, bits: undefined, port: undefined } : blockPattern.exec(text)?.groups;
  const address = whole?.['address']?.replace(/^\[|\]$/g, '') ?? '';
  const family = isIP(address);
  if (whole === undefined || family === 0) return undefined;
  const block = new BlockList();
  const bits = whole['bits'] === undefined ? (family === 4 ? 32 : 128) : Number(whole['bits']);
  if (bits > (family === 4 ? 32 : 128)) throw notARule(text);
  block.addSubnet(address, bits, family === 4 ? 'ipv4' : 'ipv6');
  const { port } = whole;
  const holds = (each: ResolvedAddress) =>
    each.family === family && block.check(each.address, family === 4 ? 'ipv4' : 'ipv6');
  return {
    isEverybody: false,
    matchesHost: (url) => {
      const host = hostOf(url);
      return isIP(host) !== 0 && isPort(url, port) && holds({ address: host, family: isIP(host) });
    },
    allowsAddress: (each, url) => isPort(url, port) && holds(each),
  };
}

function parseHostRule(text: string): Rule {
  const { host, port } = hostPattern.exec(text)?.groups ?? {};
  if (host === undefined) throw notARule(text);
  const name = host.toLowerCase();
  return {
    isEverybody: name === '*',
    matchesHost: (url) => {
      if (!isPort(url, port)) return false;
      if (name === '*') return true;
      return name.startsWith('*.') ? hostOf(url).endsWith(name.slice(1)) : hostOf(url) === name;
    },
    allowsAddress: () => false,
  };
}

function isPort(url: URL, port: string | undefined): boolean {
  if (port === undefined) return true;
  return (url.port || (url.protocol === 'https:' ? '443' : '80')) === port;
}

/** The host without brackets and without the final dot that means the same. */
function hostOf(url: URL): string {
  return url.hostname.replace(/^\[|\]$/g, '').replace(/\.$/, '');
}

/** Everything that IANA does not list as globally reachable (RFC 6890 registries), and the ways of writing IPv4 in IPv6. */
const notPublic = {
  ipv4: [
    '0.0.0.0/8',
    '10.0.0.0/8',
    '100.64.0.0/10',
    '127.0.0.0/8',
    '169.254.0.0/16',
    '172.16.0.0/12',
    '192.0.0.0/24',
    '192.0.2.0/24',
    '192.88.99.0/24',
    '192.168.0.0/16',
    '198.18.0.0/15',
    '198.51.100.0/24',
    '203.0.113.0/24',
    '224.0.0.0/3',
  ],
  // Global unicast is 2000::/3; whatever lies outside of it is refused as a whole.
  ipv6: ['::/3', '4000::/2', '8000::/1', '2001::/23', '2001:db8::/32', '2002::/16', '3fff::/20'],
} as const;

// One list a family: a list compares an IPv4 address with its IPv6 blocks, too, as the IPv6 address that it can be written as.
const blocked = { ipv4: new BlockList(), ipv6: new BlockList() };
for (const family of ['ipv4', 'ipv6'] as const) {
  for (const block of notPublic[family]) {
    const [address = '', bits] = block.split('/');
    blocked[family].addSubnet(address, Number(bits), family);
  }
}

function isPublic({ address, family }: ResolvedAddress): boolean {
  const name = family === 4 ? 'ipv4' : 'ipv6';
  return !blocked[name].check(address, name);
}

async function lookUp(host: string, resolve: Resolve): Promise<readonly ResolvedAddress[]> {
  try {
    return await resolve(host);
  } catch (cause) {
    throw notFound(host, cause);
  }
}

function notFound(host: string, cause?: unknown): ServiceError {
  return new ServiceError(`The name '${host}' has no address; the callback is tried again.`, {
    code: 'unavailable',
    reason: 'callback_failed',
    cause,
  });
}

function refused(why: string): ServiceError {
  return new ServiceError(`A callback is refused: ${why}.`, {
    code: 'permission_denied',
    reason: 'callback_refused',
  });
}

function notARule(text: string): TypeError {
  return new TypeError(
    `'${text}' names no callback target: write a host ('hooks.example.com', '*.example.com', '*') or addresses ('10.1.0.0/16', '127.0.0.1'), with ':port' if only that one is meant.`,
  );
}
