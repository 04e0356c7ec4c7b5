import { signal } from '@preact/signals';
import type { ComponentType, JSX } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { Icon } from '../icons.tsx';
import { AskDialog } from '../parts/ask.tsx';
import { Notices } from '../parts/notices.tsx';
import { PageHead } from '../parts/page-head.tsx';
import { Empty, ProblemNote } from '../parts/states.tsx';
import { path } from '../router.ts';
import { Help } from './help.tsx';
import { isPaletteOpen } from './keyboard.ts';
import { type PageEntry, type PageProps, pageAt } from './pages.ts';
import { Palette } from './palette.tsx';
import { isMenuOpen, Side } from './side.tsx';
import { lost, system } from './system.ts';

export function App(): JSX.Element {
  const found = pageAt(path.value);
  return (
    <>
      <a class="skip-link" href="#main">
        Skip to content
      </a>
      <div class="shell">
        <TopBar />
        <Side current={found?.page.path} />
        <main id="main" class="main" tabIndex={-1}>
          {lost.value !== undefined && system.value !== undefined && <ProblemNote error={lost.value} />}
          {found === undefined ? <NoPage /> : <Page key={found.page.path} {...found} />}
        </main>
      </div>
      <Palette />
      <Help />
      <AskDialog />
      <Notices />
    </>
  );
}

function TopBar(): JSX.Element {
  return (
    <header class="top-bar">
      <a class="brand" href="/">
        {system.value?.name ?? 'Banyan'}
      </a>
      <button
        type="button"
        class="button is-plain"
        onClick={() => {
          isPaletteOpen.value = true;
        }}
      >
        Go to …
      </button>
      <button
        type="button"
        class="button"
        aria-expanded={isMenuOpen.value}
        aria-controls="side"
        onClick={() => {
          isMenuOpen.value = !isMenuOpen.value;
        }}
      >
        <Icon name="menu" /> Menu
      </button>
    </header>
  );
}

const loaded = signal<ReadonlyMap<string, ComponentType<PageProps>>>(new Map());

function Page({ page, rest }: { readonly page: PageEntry; readonly rest: readonly string[] }): JSX.Element {
  const [problem, setProblem] = useState<Error>();
  useEffect(() => {
    page.load().then((component) => {
      loaded.value = new Map(loaded.value).set(page.path, component);
    }, setProblem);
  }, [page]);
  const Component = loaded.value.get(page.path);
  if (problem !== undefined) return <ProblemNote error={problem} retry={() => location.reload()} />;
  return Component === undefined ? <p class="wait">Loading …</p> : <Component rest={rest} />;
}

function NoPage(): JSX.Element {
  return (
    <>
      <PageHead title="No such page" />
      <Empty title="There is nothing at this address.">
        Choose a page from the menu, or press <kbd>/</kbd> and search.
      </Empty>
    </>
  );
}
