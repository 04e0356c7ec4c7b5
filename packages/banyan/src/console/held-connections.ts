import type { Server, Socket } from 'node:net';

/**
 * Keeps what connects to `listener` until there is a server for it: who is accepted and then answered by nobody would wait until its own patience ends.
 * @returns a function that gives them away, once
 */
export function holdConnections(listener: Server): () => readonly Socket[] {
  let held: Socket[] = [];
  const hold = (socket: Socket) => {
    held.push(socket);
    // One that breaks meanwhile is nobody's error; the server will see its end.
    socket.on('error', () => {});
  };
  listener.on('connection', hold);
  return () => {
    listener.off('connection', hold);
    const given = held;
    held = [];
    return given;
  };
}
