import type { ClientBase } from 'pg';

/** What the driver's connection sends through; not in its types. */
interface SendingConnection {
  readonly stream: { readonly writable: boolean; write(data: Uint8Array): boolean };
  _send(message: Uint8Array): boolean;
  end(): unknown;
}

/** Beyond this the server begins with what there is, while the rest is put together. */
const pieceBytes = 64 * 1024;

/**
 * Writes what is sent in one turn of the event loop in one piece: a statement and the commit behind it, or all statements of a group. A write is the dearest
 * thing that this process does for a statement, and each one wakes the server. Call once per connection, when it is open.
 */
export function gatherWrites(client: ClientBase): void {
  const { connection } = client as unknown as { readonly connection: SendingConnection };
  let messages: Uint8Array[] = [];
  let bytes = 0;
  const flush = () => {
    const [only] = messages;
    if (only === undefined) return;
    const data = messages.length === 1 ? only : Buffer.concat(messages);
    messages = [];
    bytes = 0;
    if (connection.stream.writable) connection.stream.write(data);
  };
  connection._send = (message) => {
    if (!connection.stream.writable) return false;
    // After everything that is ready to run now: a tick that is asked for in a microtask comes behind the other microtasks.
    if (messages.push(message) === 1) process.nextTick(flush);
    bytes += message.length;
    if (bytes >= pieceBytes) flush();
    return true;
  };
  const end = connection.end.bind(connection);
  connection.end = () => {
    flush();
    return end();
  };
}
