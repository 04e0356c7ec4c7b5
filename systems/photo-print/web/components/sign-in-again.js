import { element, uniqueId } from '../dom.js';
import { createField } from './field.js';
import { createForm } from './form.js';

/**
 * Asks for the password when the session has ended, over whatever the customer was doing, which then goes on. One dialog at a
 * time, however many requests found out.
 * @param {object} parts
 * @param {import('../session.js').Session} parts.session
 * @param {(credentials: { loginId: string, password: string }, signal: AbortSignal) => Promise<{ token: string, expiresAt: string }>} parts.createSession
 */
export function createSignInAgain({ session, createSession }) {
  /** @type {Promise<boolean> | undefined} */
  let asking;
  /** @returns {Promise<boolean>} false if the customer signs out instead */
  return () => {
    asking ??= ask(session, createSession).finally(() => {
      asking = undefined;
    });
    return asking;
  };
}

/** @returns {Promise<boolean>} */
function ask(session, createSession) {
  const loginId = session.current?.loginId;
  if (loginId === undefined) return Promise.resolve(false);
  return new Promise((resolve) => {
    const closing = new AbortController();
    const id = uniqueId('sign-in-again');
    const name = createField({
      label: 'E-mail address',
      input: { autocomplete: 'username', value: loginId, readonly: true },
    });
    const password = createField({
      label: 'Password',
      input: { type: 'password', autocomplete: 'current-password', autofocus: true },
    });
    const { form } = createForm({
      fields: [password],
      content: [name.element, password.element],
      submit: 'Go on',
      signal: closing.signal,
      async onSubmit() {
        const answer = await createSession({ loginId, password: password.value }, closing.signal);
        session.begin({ ...answer, loginId });
        dialog.close();
      },
    });
    const dialog = element(
      'dialog',
      { 'aria-labelledby': id },
      element(
        'div',
        { class: 'stack' },
        element('h2', { id }, 'Sign in again to go on'),
        element('p', { class: 'soft' }, 'You were signed out after a while, to be safe. Nothing is lost.'),
        form,
        element(
          'button',
          {
            type: 'button',
            class: 'link-button',
            onclick: () => {
              session.end();
              dialog.close();
            },
          },
          'Sign out instead',
        ),
      ),
    );
    const before = session.current;
    dialog.addEventListener('close', () => {
      closing.abort();
      dialog.remove();
      const renewed = session.current !== undefined && session.current !== before;
      if (!renewed && session.current !== undefined) session.end();
      resolve(renewed);
    });
    document.body.append(dialog);
    dialog.showModal();
  });
}
