import { signal } from '@preact/signals';
import type { ComponentChildren, JSX } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import { notify } from './notices.tsx';

interface Question {
  readonly title: string;
  readonly text: ComponentChildren;
  /** What the button says. */
  readonly action: string;
  readonly isDanger?: boolean;
  /** A text that the reader may change, such as the data of an event. */
  readonly edit?: { readonly label: string; readonly text: string };
  /** Does it. @returns what to say when it is done */
  run(edited: string): Promise<string>;
}

const question = signal<Question | undefined>(undefined);

/** Asks once before something is changed; what goes wrong is said where it was asked. */
export function ask(asked: Question): void {
  question.value = asked;
}

export function AskDialog(): JSX.Element | null {
  const asked = question.value;
  return asked === undefined ? null : <OpenDialog key={asked.title} asked={asked} />;
}

function OpenDialog({ asked }: { readonly asked: Question }): JSX.Element {
  const { title, text, action, isDanger = false, edit, run } = asked;
  const dialog = useRef<HTMLDialogElement>(null);
  const [edited, setEdited] = useState(edit?.text ?? '');
  const [failure, setFailure] = useState<string>();
  const [isBusy, setIsBusy] = useState(false);
  useEffect(() => {
    dialog.current?.showModal();
  }, []);
  const go = async (submit: Event) => {
    submit.preventDefault();
    setIsBusy(true);
    try {
      notify(await run(edited));
      dialog.current?.close();
    } catch (error) {
      setFailure(error instanceof Error ? error.message : String(error));
      setIsBusy(false);
    }
  };
  return (
    <dialog
      ref={dialog}
      aria-labelledby="ask-title"
      onClose={() => {
        question.value = undefined;
      }}
    >
      <form onSubmit={(event) => void go(event)}>
        <h2 id="ask-title">{title}</h2>
        <div>{text}</div>
        {edit !== undefined && (
          <label class="field">
            <span>{edit.label}</span>
            <textarea
              value={edited}
              spellcheck={false}
              onInput={({ currentTarget }) => setEdited(currentTarget.value)}
            />
          </label>
        )}
        {failure !== undefined && (
          <p class="problem" role="alert">
            {failure}
          </p>
        )}
        <div class="buttons">
          <button type="button" class="button" onClick={() => dialog.current?.close()}>
            Leave it
          </button>
          <button type="submit" class={`button is-main ${isDanger ? 'is-danger' : ''}`} disabled={isBusy}>
            {action}
          </button>
        </div>
      </form>
    </dialog>
  );
}

/** The JSON that a reader has written. @throws Error that says where it is none */
export function readJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new Error(`This is no JSON: ${error instanceof Error ? error.message : String(error)}`, {
      cause: error,
    });
  }
}
