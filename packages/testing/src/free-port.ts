import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';

/** A port of this machine at which nothing listens. Another program may take it before you do. */
export async function freePort(): Promise<number> {
  const [port = 0] = await freePorts(1);
  return port;
}

/** As many ports of this machine, all different, at which nothing listens. Another program may take one before you do. */
export async function freePorts(count: number): Promise<readonly number[]> {
  // Held all at once, so that they differ.
  const servers = Array.from({ length: count }, () => createServer().listen(0, '127.0.0.1'));
  await Promise.all(servers.map((server) => once(server, 'listening')));
  const ports = servers.map((server) => (server.address() as AddressInfo).port);
  await Promise.all(servers.map((server) => once(server.close(), 'close')));
  return ports;
}
