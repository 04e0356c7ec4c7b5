import { signal } from '@preact/signals';
import { navigate } from '../router.ts';
import { pages } from './pages.ts';

export const isPaletteOpen = signal(false);
export const isHelpOpen = signal(false);

let isAfterG = false;

/** Keys that work on every page; none while the reader writes. */
export function listenToKeys(): void {
  document.addEventListener('keydown', (press) => {
    if ((press.ctrlKey || press.metaKey) && press.key === 'k') {
      press.preventDefault();
      isPaletteOpen.value = true;
      return;
    }
    const isElsewhere = isWriting(press.target) || document.querySelector('dialog[open]') !== null;
    if (isElsewhere || press.ctrlKey || press.metaKey || press.altKey) return;
    if (isAfterG) {
      isAfterG = false;
      const page = pages.find(({ key }) => key === press.key);
      if (page !== undefined) {
        press.preventDefault();
        navigate(page.path);
      }
      return;
    }
    const act = actions[press.key];
    if (act === undefined) return;
    press.preventDefault();
    act();
  });
}

const actions: Readonly<Record<string, () => void>> = {
  '/': () => {
    isPaletteOpen.value = true;
  },
  '?': () => {
    isHelpOpen.value = true;
  },
  g: () => {
    isAfterG = true;
    setTimeout(() => {
      isAfterG = false;
    }, 1_500);
  },
  j: () => moveInList(1),
  k: () => moveInList(-1),
};

/** To the next row that can be opened: elements marked `data-row`. */
function moveInList(by: 1 | -1): void {
  const rows = [...document.querySelectorAll<HTMLElement>('#main [data-row]')];
  const current = rows.findIndex(
    (row) => row === document.activeElement || row.contains(document.activeElement),
  );
  const next = current === -1 ? (by === 1 ? 0 : rows.length - 1) : current + by;
  rows[next]?.focus();
}

function isWriting(target: EventTarget | null): boolean {
  return (
    target instanceof HTMLElement && target.closest('input, textarea, select, [contenteditable]') !== null
  );
}
