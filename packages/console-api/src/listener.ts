import { createServer, type Server } from 'node:net';
import { ServiceError } from '@banyan/core';

/**
 * Takes a port now, for a console that starts later: nobody else gets it, and who connects before is turned away. Does not keep the process alive.
 * @param address port 0 is any free one
 * @throws ServiceError `failed_precondition` `port_taken`
 */
export function listenForConsole({
  host,
  port,
}: {
  readonly host: string;
  readonly port: number;
}): Promise<Server> {
  const listener = createServer((socket) => socket.destroy());
  return new Promise((resolve, reject) => {
    listener.once('error', (error) => reject(toListenError(error, port)));
    listener.listen(port, host, () => resolve(listener.unref()));
  });
}

function toListenError(error: NodeJS.ErrnoException, port: number): Error {
  if (error.code !== 'EADDRINUSE') return error;
  return new ServiceError(`Port ${port} is in use by another program.`, {
    code: 'failed_precondition',
    reason: 'port_taken',
    cause: error,
  });
}
