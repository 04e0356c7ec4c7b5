import type { ChildMessage, SupervisorMessage } from './supervised-process.ts';

/** A child's side of the channel to its supervisor. */
export interface SupervisorChannel {
  ready(publicUrl: string | undefined): void;
  failed(error: unknown): void;
  /** Resolves when the supervisor asks this process to stop, or is gone. */
  readonly stopRequested: Promise<void>;
  /** An operator slows a part of this process; only once it is ready. */
  onSlow(listener: (part: string, delayMs: number) => void): void;
  /** Lets the process end. */
  disconnect(): void;
}

/** The channel, if a supervisor started this process. */
export function connectToSupervisor(): SupervisorChannel | undefined {
  if (process.send === undefined) return undefined;
  const stopRequested = Promise.withResolvers<void>();
  let slow: ((part: string, delayMs: number) => void) | undefined;
  const send = (message: ChildMessage) => {
    if (process.connected) process.send?.(message);
  };
  process.on('message', (message: SupervisorMessage) => {
    switch (message.kind) {
      case 'stop':
        stopRequested.resolve();
        return;
      case 'ping':
        send({ kind: 'pong' });
        return;
      case 'slow':
        slow?.(message.part, message.delayMs);
        return;
    }
  });
  // A supervisor that was killed must not leave services behind.
  process.on('disconnect', () => stopRequested.resolve());
  process.on('SIGTERM', () => stopRequested.resolve());
  // Ctrl-C reaches the whole process group; the supervisor decides the order in which it stops.
  process.on('SIGINT', () => {});
  return {
    ready: (publicUrl) => send(publicUrl === undefined ? { kind: 'ready' } : { kind: 'ready', publicUrl }),
    failed: (error) =>
      send({ kind: 'failed', message: error instanceof Error ? error.message : String(error) }),
    stopRequested: stopRequested.promise,
    onSlow(listener) {
      slow = listener;
    },
    disconnect: () => {
      if (process.connected) process.disconnect();
    },
  };
}
