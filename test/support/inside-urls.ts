import { once } from 'node:events';
import { type AddressInfo, createServer, type Server } from 'node:net';
import type { TestContext } from 'node:test';

/** Hosts that lead to this very machine, in every way of writing them that some parser takes. */
const ofThisMachine = [
  '127.0.0.1',
  '127.1',
  '127.0.1',
  '127.255.255.254',
  '2130706433',
  '0x7f000001',
  '0x7f.0.0.1',
  '0x7f.1',
  '0177.0.0.1',
  '017700000001',
  '0',
  '0.0.0.0',
  '127.0.0.1.',
  '127%2e0%2e0%2e1',
  '１２７.0.0.1',
  '127。0。0。1',
  '[::1]',
  '[::]',
  '[0:0:0:0:0:0:0:1]',
  '[::ffff:127.0.0.1]',
  '[::ffff:7f00:1]',
  '[0:0:0:0:0:ffff:127.0.0.1]',
  '[::127.0.0.1]',
];

/** Hosts of networks that nobody outside should be able to reach through us. */
const ofPrivateNetworks = [
  '10.0.0.1',
  '172.16.0.1',
  '172.31.255.254',
  '192.168.0.1',
  '100.64.0.1',
  '169.254.169.254',
  '2852039166',
  '0xa9fea9fe',
  '192.0.0.192',
  '198.18.0.1',
  '224.0.0.1',
  '240.0.0.1',
  '255.255.255.255',
  '[::ffff:10.0.0.1]',
  '[::ffff:a9fe:a9fe]',
  '[64:ff9b::10.0.0.1]',
  '[64:ff9b:1::10.0.0.1]',
  '[2002:a00:1::]',
  '[2001::1]',
  '[fe80::1]',
  '[fec0::1]',
  '[fc00::1]',
  '[fd00:ec2::254]',
  '[ff02::1]',
];

/** Not of HTTP at all. */
export const otherSchemes: readonly string[] = [
  'file:///etc/passwd',
  'file://localhost/etc/passwd',
  'FILE:///etc/passwd',
  'ftp://127.0.0.1/',
  'gopher://127.0.0.1:6379/_INFO',
  'dict://127.0.0.1:11211/stats',
  'ldap://127.0.0.1/',
  'data:application/json,%7B%7D',
  'jar:http://127.0.0.1!/',
  'javascript:0',
  'blob:nodedata:0',
  'unix:/var/run/docker.sock',
  'http+unix://%2Fvar%2Frun%2Fdocker.sock/',
];

/** Every URL of the inside, on one port, by both schemes. */
export function insideUrls(port: number): readonly string[] {
  const hosts = [...ofThisMachine, ...ofPrivateNetworks];
  return hosts.flatMap((host) => [`http://${host}:${port}/latest`, `https://${host}:${port}/latest`]);
}

export interface Canary {
  readonly port: number;
  /** Connections that anybody has made. */
  readonly touched: number;
}

/** Something on this machine, by IPv4 and IPv6, that nobody may be led to. */
export async function startCanary(t: Pick<TestContext, 'after'>): Promise<Canary> {
  let touched = 0;
  const listen = async (host: string, port: number): Promise<Server> => {
    const server = createServer((socket) => {
      touched += 1;
      socket.on('error', () => undefined);
      socket.end('HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}');
    });
    server.listen(port, host);
    await once(server, 'listening');
    t.after(() => server.close());
    return server;
  };
  const { port } = (await listen('0.0.0.0', 0)).address() as AddressInfo;
  await listen('::1', port);
  return {
    port,
    get touched() {
      return touched;
    },
  };
}
