/**
 * The chunks of `body` until it ends or `signal` aborts, which rejects with the signal's reason at once, also while the sender
 * is silent: a stalled telephone must not hold a file open for ever.
 */
export async function* untilAborted(
  body: AsyncIterable<Uint8Array>,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  signal.throwIfAborted();
  const iterator = body[Symbol.asyncIterator]();
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const onAbort = () => reject(signal.reason);
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    for (;;) {
      const { done, value } = await Promise.race([iterator.next(), aborted]);
      if (done) return;
      yield value;
    }
  } finally {
    signal.removeEventListener('abort', onAbort);
    // Not awaited, because a silent source may never answer; what it has to say no longer matters.
    iterator.return?.().catch(() => undefined);
  }
}
