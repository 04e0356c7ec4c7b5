import type { JSX } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import { href, navigate } from '../router.ts';
import { isPaletteOpen } from './keyboard.ts';
import { pages } from './pages.ts';
import { system } from './system.ts';
import { switchTheme } from './theme.ts';

interface Entry {
  readonly name: string;
  readonly kind: string;
  go(): void;
}

export function Palette(): JSX.Element | null {
  return isPaletteOpen.value ? <OpenPalette /> : null;
}

function OpenPalette(): JSX.Element {
  const dialog = useRef<HTMLDialogElement>(null);
  const [text, setText] = useState('');
  const [chosen, setChosen] = useState(0);
  useEffect(() => {
    dialog.current?.showModal();
  }, []);
  const found = entriesFor(text);
  const at = Math.min(chosen, found.length - 1);
  useEffect(() => {
    dialog.current?.querySelector('[aria-selected="true"]')?.scrollIntoView({ block: 'nearest' });
  });
  const open = (entry: Entry | undefined) => {
    dialog.current?.close();
    entry?.go();
  };
  const press = (event: KeyboardEvent) => {
    const moves: Readonly<Record<string, number>> = { ArrowDown: 1, ArrowUp: -1 };
    const by = moves[event.key];
    if (by !== undefined) {
      event.preventDefault();
      setChosen(Math.max(0, Math.min(found.length - 1, at + by)));
    } else if (event.key === 'Enter') {
      event.preventDefault();
      open(found[at]);
    }
  };
  return (
    <dialog
      ref={dialog}
      class="palette"
      aria-label="Go to"
      onClose={() => {
        isPaletteOpen.value = false;
      }}
    >
      <input
        role="combobox"
        aria-expanded="true"
        aria-controls="palette-list"
        aria-activedescendant={at >= 0 ? `palette-${at}` : undefined}
        aria-label="Page, service, operation, trace id or words in logs"
        placeholder="Page, service, trace id, words in logs …"
        autocomplete="off"
        value={text}
        onInput={({ currentTarget }) => {
          setText(currentTarget.value);
          setChosen(0);
        }}
        onKeyDown={press}
      />
      <div id="palette-list" role="listbox" aria-label="Places">
        {found.map((entry, index) => (
          // biome-ignore lint/a11y/useKeyWithClickEvents: the field above has the keyboard.
          <div
            key={`${entry.kind} ${entry.name}`}
            id={`palette-${index}`}
            role="option"
            tabIndex={-1}
            aria-selected={index === at}
            onClick={() => open(entry)}
          >
            <span>{entry.name}</span>
            <span class="soft small">{entry.kind}</span>
          </div>
        ))}
      </div>
    </dialog>
  );
}

function entriesFor(text: string): readonly Entry[] {
  const words = text.trim().toLowerCase();
  const to = (address: string) => () => navigate(address);
  const places: readonly Entry[] = [
    ...pages.map(({ title, path }) => ({ name: title, kind: 'page', go: to(path) })),
    ...(system.value?.services ?? []).map(({ name }) => ({
      name,
      kind: 'service',
      go: to(href('/', { service: name })),
    })),
    { name: 'Switch between light and dark', kind: 'action', go: switchTheme },
  ];
  if (words === '') return places;
  const found = places.filter(({ name, kind }) => `${name} ${kind}`.toLowerCase().includes(words));
  const searches: readonly Entry[] = /^[0-9a-f]{32}$/.test(words)
    ? [{ name: words, kind: 'trace', go: to(`/traces/${words}`) }]
    : [
        {
          name: `Traces with “${text.trim()}”`,
          kind: 'search',
          go: to(href('/traces', { text: text.trim() })),
        },
        { name: `Logs with “${text.trim()}”`, kind: 'search', go: to(href('/logs', { text: text.trim() })) },
      ];
  return [...found, ...searches];
}
