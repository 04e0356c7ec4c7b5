import { computed, signal } from '@preact/signals';

/** Where the reader is: the address is the only place that keeps it, so that every view can be shared. */
const address = signal(new URL(window.location.href));

export const path = computed(() => decodeURI(address.value.pathname));

/** A part of the query, `''` if it is missing. */
export function query(name: string): string {
  return address.value.searchParams.get(name) ?? '';
}

export type QueryValues = Readonly<Record<string, string | number | boolean | undefined>>;

/** The address of a view, or of the API: an encoded path and what follows it; what is empty is left out. */
export function href(pathname: string, values: QueryValues = {}): string {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(values)) {
    if (value !== undefined && value !== '' && value !== false) search.set(name, String(value));
  }
  const text = search.toString();
  return pathname + (text === '' ? '' : `?${text}`);
}

export function navigate(to: string, { replace = false } = {}): void {
  const next = new URL(to, window.location.href);
  if (next.href === address.value.href) return;
  const isOtherPage = next.pathname !== address.value.pathname;
  if (replace) history.replaceState(null, '', next);
  else history.pushState(null, '', next);
  address.value = next;
  if (!isOtherPage) return;
  window.scrollTo(0, 0);
  document.getElementById('main')?.focus({ preventScroll: true });
}

/** Changes parts of the query and keeps the others; typing in a field replaces the entry in the history. */
export function setQuery(values: QueryValues, options?: { readonly replace?: boolean }): void {
  const kept = Object.fromEntries(address.value.searchParams);
  navigate(href(address.value.pathname, { ...kept, ...values }), options);
}

/** Follows links of this page without loading it again. */
export function followLinks(): void {
  window.addEventListener('popstate', () => {
    address.value = new URL(window.location.href);
  });
  document.addEventListener('click', (click) => {
    if (click.defaultPrevented || click.button !== 0) return;
    if (click.metaKey || click.ctrlKey || click.shiftKey || click.altKey) return;
    const link = click.target instanceof Element ? click.target.closest('a') : null;
    if (link === null || link.target !== '' || link.hasAttribute('download')) return;
    if (link.origin !== window.location.origin || link.pathname.startsWith('/api/')) return;
    if (link.hash !== '' && link.pathname === window.location.pathname) return;
    click.preventDefault();
    navigate(link.href);
  });
}
