import { effect, signal } from '@preact/signals';

export type Theme = 'light' | 'dark';

const key = 'banyan-console-theme';
const stored = localStorage.getItem(key);

/** What the reader chose; undefined follows the system. */
export const theme = signal<Theme | undefined>(stored === 'light' || stored === 'dark' ? stored : undefined);

export function isDark(): boolean {
  return (theme.value ?? (matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light')) === 'dark';
}

export function switchTheme(): void {
  theme.value = isDark() ? 'light' : 'dark';
  localStorage.setItem(key, theme.value);
}

effect(() => {
  if (theme.value === undefined) delete document.documentElement.dataset['theme'];
  else document.documentElement.dataset['theme'] = theme.value;
});
