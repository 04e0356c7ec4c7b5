import type { JSX } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import { isHelpOpen } from './keyboard.ts';
import { pages } from './pages.ts';

export function Help(): JSX.Element | null {
  return isHelpOpen.value ? <OpenHelp /> : null;
}

function OpenHelp(): JSX.Element {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    dialog.current?.showModal();
  }, []);
  return (
    <dialog
      ref={dialog}
      aria-labelledby="help-title"
      onClose={() => {
        isHelpOpen.value = false;
      }}
    >
      <form method="dialog">
        <h2 id="help-title">Keys</h2>
        <dl class="facts">
          <Key keys={['/']} does="Go to a page, a service or a trace; search" />
          <Key keys={['j', 'k']} does="Next, previous row; Enter opens it" />
          {pages.map(({ key, title }) => (
            <Key key={key} keys={['g', key]} does={title} />
          ))}
          <Key keys={['Esc']} does="Close" />
        </dl>
        <div class="buttons">
          <button type="submit" class="button">
            Close
          </button>
        </div>
      </form>
    </dialog>
  );
}

function Key({ keys, does }: { readonly keys: readonly string[]; readonly does: string }): JSX.Element {
  return (
    <>
      <dt>
        {keys.map((key) => (
          <kbd key={key}>{key}</kbd>
        ))}
      </dt>
      <dd>{does}</dd>
    </>
  );
}
