import { signal } from '@preact/signals';
import type { JSX } from 'preact';
import { useEffect } from 'preact/hooks';
import { signOut } from '../data/api.ts';
import { Icon } from '../icons.tsx';
import { path } from '../router.ts';
import { isHelpOpen, isPaletteOpen } from './keyboard.ts';
import { pageGroups } from './pages.ts';
import { lost, system } from './system.ts';
import { isDark, switchTheme } from './theme.ts';

/** On a narrow screen; a wide one always shows it. */
export const isMenuOpen = signal(false);

export function Side({ current }: { readonly current: string | undefined }): JSX.Element {
  const now = system.value;
  // Another page closes the menu.
  useEffect(() => {
    isMenuOpen.value = false;
  }, [path.value]);
  return (
    <aside id="side" class={`side ${isMenuOpen.value ? 'is-open' : ''}`}>
      <a class="brand" href="/">
        <svg width="22" height="22" viewBox="0 0 16 16" fill="currentColor" aria-hidden="true">
          <path d="M8 1 14 4.500v7L8 15l-6-3.500v-7zM8 3.3 4 5.600v4.800l4 2.3 4-2.300V5.600z" />
          <path d="M7.3 6h1.400v4H7.300z" />
        </svg>
        <span>
          {now?.name ?? 'Banyan'}
          <small>{mode()}</small>
        </span>
      </a>
      <button
        type="button"
        class="find"
        onClick={() => {
          isPaletteOpen.value = true;
        }}
      >
        Go to … <kbd>/</kbd>
      </button>
      <nav aria-label="Pages">
        {pageGroups.map(({ title, pages }) => (
          <div key={title}>
            <h2>{title}</h2>
            <ul>
              {pages.map((page) => (
                <li key={page.path}>
                  <a href={page.path} aria-current={page.path === current ? 'page' : undefined}>
                    <Icon name={page.icon} />
                    {page.title}
                  </a>
                </li>
              ))}
            </ul>
          </div>
        ))}
      </nav>
      <footer>
        <button type="button" class="button is-plain" onClick={switchTheme}>
          <Icon name={isDark() ? 'sun' : 'moon'} /> {isDark() ? 'Light' : 'Dark'}
        </button>
        <button
          type="button"
          class="button is-plain"
          onClick={() => {
            isHelpOpen.value = true;
          }}
        >
          <kbd>?</kbd> Keys
        </button>
        {now !== undefined && !now.development && (
          <button type="button" class="button is-plain" onClick={() => void signOut()}>
            Sign out
          </button>
        )}
      </footer>
    </aside>
  );
}

function mode(): string {
  if (lost.value !== undefined) return 'not reachable';
  if (system.value === undefined) return 'connecting …';
  return `${system.value.development ? 'development' : 'production'} · live`;
}
