import type { AddressInfo, Server } from 'node:net';
import { ServiceError } from '@banyan/core';

/** Resolves with `host:port`. @throws ServiceError `failed_precondition` `port_taken` */
export async function listenOn(
  server: Server,
  { host, port }: { readonly host: string; readonly port: number },
): Promise<string> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error) => reject(listenError(error, port)));
    server.listen(port, host, resolve);
  });
  const address = server.address() as AddressInfo;
  const name = address.family === 'IPv6' ? `[${address.address}]` : address.address;
  return `${name}:${address.port}`;
}

function listenError(error: NodeJS.ErrnoException, port: number): Error {
  if (error.code !== 'EADDRINUSE') return error;
  return new ServiceError(`Port ${port} is in use by another program.`, {
    code: 'failed_precondition',
    reason: 'port_taken',
    cause: error,
  });
}
