import { type AddressInfo, Server } from 'node:net';
import { setImmediate as nextTurn } from 'node:timers/promises';
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

const longestIntakeMs = 2_000;

/**
 * Takes the connections that already wait, then closes the listener; open connections stay open, also idle ones. Node accepts one connection in a turn of the
 * event loop, and what waits when a listener closes is reset by the kernel, although its clients are connected and may have sent a request.
 * Under a stream of new connections it closes after half of `timeoutMs`, and two seconds at most. Resolves when nothing is accepted any more.
 * @param timeoutMs for the whole stop
 */
export async function stopListening(server: Server, timeoutMs: number): Promise<void> {
  let took = true;
  const note = () => {
    took = true;
  };
  server.on('connection', note).on('drop', note);
  // The turn that has begun may have looked for connections already.
  await nextTurn();
  const endMs = performance.now() + Math.min(timeoutMs / 2, longestIntakeMs);
  while (took && performance.now() < endMs) {
    took = false;
    await nextTurn();
  }
  server.off('connection', note).off('drop', note);
  // Of `net`, because the one of `http` also cuts idle connections, on each of which a request may be on its way.
  Server.prototype.close.call(server);
}

function listenError(error: NodeJS.ErrnoException, port: number): Error {
  if (error.code !== 'EADDRINUSE') return error;
  return new ServiceError(`Port ${port} is in use by another program.`, {
    code: 'failed_precondition',
    reason: 'port_taken',
    cause: error,
  });
}
