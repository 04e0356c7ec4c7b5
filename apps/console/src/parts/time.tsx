import { signal } from '@preact/signals';
import type { JSX } from 'preact';
import { formatAgo, formatTime } from '../format.ts';

const nowMs = signal(Date.now());
setInterval(() => {
  if (!document.hidden) nowMs.value = Date.now();
}, 5_000);

/** How long ago; the whole moment on hover. */
export function Ago({ at }: { readonly at: string | undefined }): JSX.Element {
  if (at === undefined) return <span class="soft">–</span>;
  const then = Date.parse(at);
  // The clock ticks slowly: what is younger than the last tick has just happened.
  return (
    <time class="nowrap" dateTime={at} title={formatTime(at)}>
      {formatAgo(then, Math.max(nowMs.value, then))}
    </time>
  );
}
