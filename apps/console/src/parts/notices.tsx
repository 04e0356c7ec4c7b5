import { signal } from '@preact/signals';
import type { JSX } from 'preact';

interface Notice {
  readonly id: number;
  readonly text: string;
  readonly isBad: boolean;
}

const notices = signal<readonly Notice[]>([]);
let latest = 0;

/** Says what an action has done, for a few seconds. */
export function notify(text: string, { isBad = false } = {}): void {
  latest += 1;
  const notice = { id: latest, text, isBad };
  notices.value = [...notices.value, notice];
  setTimeout(
    () => {
      notices.value = notices.value.filter(({ id }) => id !== notice.id);
    },
    isBad ? 12_000 : 6_000,
  );
}

export function Notices(): JSX.Element {
  return (
    <div class="notices" role="status" aria-live="polite">
      {notices.value.map(({ id, text, isBad }) => (
        <div key={id} class={`notice fade-in ${isBad ? 'is-bad' : ''}`}>
          {text}
        </div>
      ))}
    </div>
  );
}
