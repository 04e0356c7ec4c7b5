import type { OpenCircuit } from '@banyan/chassis';
import type { ChildMessage, SupervisorMessage } from './supervised-process.ts';

/** A child's side of the channel to its supervisor. */
export interface SupervisorChannel {
  ready(publicUrl: string | undefined): void;
  failed(error: unknown): void;
  /** All circuits of this process that are not closed. */
  circuits(circuits: readonly OpenCircuit[]): void;
  /** Resolves when the supervisor asks this process to stop, or is gone. */
  readonly stopRequested: Promise<void>;
  /** An operator slows a part of this process; only once it is ready. */
  onSlow(listener: (part: string, delayMs: number) => void): void;
  /** Says something that only this kind of process has to say. */
  talk(body: unknown): void;
  /** Tells what the supervisor says in the same way, with the handle that came with it. */
  onTalk(listener: (body: unknown, handle: unknown) => void): void;
  /** Lets the process end. */
  disconnect(): void;
  /** Ends the process in good order, whatever still waits in it. */
  end(): never;
}

export interface SupervisedOptions {
  /** Whether SIGTERM ends this process, too. Not for one that others need until they have ended. Default true. */
  readonly endsOnSigterm?: boolean;
}

/** The channel, if a supervisor started this process. */
export function connectToSupervisor({
  endsOnSigterm = true,
}: SupervisedOptions = {}): SupervisorChannel | undefined {
  if (process.send === undefined) return undefined;
  const stopRequested = Promise.withResolvers<void>();
  let slow: ((part: string, delayMs: number) => void) | undefined;
  const send = (message: ChildMessage) => {
    if (process.connected) process.send?.(message);
  };
  let onTalk: (body: unknown, handle: unknown) => void = () => {};
  process.on('message', (message: SupervisorMessage, handle) => {
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
      case 'talk':
        onTalk(message.body, handle);
        return;
    }
  });
  // A supervisor that was killed must not leave services behind.
  process.on('disconnect', () => stopRequested.resolve());
  process.on('SIGTERM', () => {
    if (endsOnSigterm) stopRequested.resolve();
  });
  // Ctrl-C and the end of a terminal reach the whole process group; the supervisor decides the order in which it stops.
  for (const signal of ['SIGINT', 'SIGHUP'] as const) process.on(signal, () => {});
  return {
    ready: (publicUrl) => send(publicUrl === undefined ? { kind: 'ready' } : { kind: 'ready', publicUrl }),
    failed: (error) =>
      send({ kind: 'failed', message: error instanceof Error ? error.message : String(error) }),
    circuits: (circuits) => send({ kind: 'circuits', circuits }),
    stopRequested: stopRequested.promise,
    onSlow(listener) {
      slow = listener;
    },
    talk: (body) => send({ kind: 'talk', body }),
    onTalk(listener) {
      onTalk = listener;
    },
    disconnect: () => {
      if (process.connected) process.disconnect();
    },
    end: () => process.exit(0),
  };
}
