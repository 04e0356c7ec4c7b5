import { signal } from '@preact/signals';
import { get, type Problem } from '../data/api.ts';
import type { SystemNow } from '../data/api-types.ts';

/** What runs, renewed once a second while the page is visible; the last known if the console does not answer. */
export const system = signal<SystemNow | undefined>(undefined);
/** Why the console does not answer. */
export const lost = signal<Problem | undefined>(undefined);

const everyMs = 1_000;

export function watchSystem(): void {
  const look = async () => {
    if (!document.hidden) {
      try {
        system.value = await get<SystemNow>('/api/system');
        lost.value = undefined;
      } catch (error) {
        lost.value = error as Problem;
      }
    }
    setTimeout(() => void look(), everyMs);
  };
  void look();
}
