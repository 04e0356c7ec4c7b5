import type { IncomingMessage } from 'node:http';

/** More than the largest usual upload: whoever sends more after a refusal does not read answers. */
const maxBytes = 64 * 1_048_576;
const maxWaitMs = 30_000;

/** Reads and drops the rest of a body that nobody wants, then calls `onEnd`; cuts the connection if the body never ends. */
export function discardBody(request: IncomingMessage, onEnd: () => void = () => undefined): void {
  if (request.complete || request.destroyed) {
    request.resume();
    onEnd();
    return;
  }
  let bytes = 0;
  const timer = setTimeout(() => request.destroy(), maxWaitMs);
  timer.unref();
  const done = () => {
    clearTimeout(timer);
    request.off('end', done).off('close', done);
    onEnd();
  };
  request.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes > maxBytes) request.destroy();
  });
  request.on('end', done).on('close', done);
  // A client that breaks off, or was just cut off, is no error any more; `close` follows.
  request.on('error', () => undefined);
  request.resume();
}
