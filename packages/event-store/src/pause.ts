/** Resolves after `ms`, when `signal` aborts, or when `onStart`'s argument is called, whichever is first. Never rejects. */
export function pause(ms: number, signal: AbortSignal, onStart?: (end: () => void) => void): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    const end = () => {
      clearTimeout(timer);
      signal.removeEventListener('abort', end);
      resolve();
    };
    const timer = setTimeout(end, ms);
    signal.addEventListener('abort', end);
    onStart?.(end);
  });
}
