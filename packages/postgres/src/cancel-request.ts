import { connect } from 'node:net';
import type { PoolClient } from 'pg';

const cancelRequestCode = 80_877_102;
const timeoutMs = 1_000;

/** What the driver knows of a session beyond its typed surface. */
interface SessionKeys {
  readonly host: string;
  readonly port: number;
  readonly processID: number | null;
  readonly secretKey: number | null;
}

/**
 * Asks the server to cancel whatever the session runs now (PostgreSQL protocol, "Canceling Requests in Progress").
 * Resolves when the server has taken the request or could not be reached. It may hit the session's next statement
 * instead, so the connection must not be used for anything but a rollback afterwards.
 */
export function requestCancel(client: PoolClient): Promise<void> {
  const { host, port, processID, secretKey } = client as unknown as SessionKeys;
  if (processID === null || secretKey === null) return Promise.resolve();
  const packet = Buffer.alloc(16);
  packet.writeInt32BE(16, 0);
  packet.writeInt32BE(cancelRequestCode, 4);
  packet.writeInt32BE(processID, 8);
  packet.writeInt32BE(secretKey, 12);
  return new Promise((resolve) => {
    const socket = host.startsWith('/') ? connect(`${host}/.s.PGSQL.${port}`) : connect(port, host);
    socket.setTimeout(timeoutMs, () => socket.destroy());
    // Unreachable server: the caller destroys the connection, which is all that is left to do.
    socket.on('error', () => socket.destroy());
    socket.on('close', () => resolve());
    socket.end(packet);
    socket.resume();
  });
}
