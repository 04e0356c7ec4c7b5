import { element, uniqueId } from '../dom.js';

/**
 * Asks before something that cannot be undone. Escape means no.
 * @param {{ title: string, text: string, yes: string, no: string }} question
 * @returns {Promise<boolean>}
 */
export function confirm({ title, text, yes, no }) {
  return new Promise((resolve) => {
    const id = uniqueId('question');
    const dialog = element(
      'dialog',
      { 'aria-labelledby': id, class: 'question' },
      element(
        'form',
        { method: 'dialog', class: 'stack' },
        element('h2', { id }, title),
        element('p', { class: 'soft' }, text),
        element(
          'div',
          { class: 'button-row' },
          element('button', { class: 'button', 'data-kind': 'quiet', value: 'no', autofocus: true }, no),
          element('button', { class: 'button', 'data-kind': 'danger', value: 'yes' }, yes),
        ),
      ),
    );
    dialog.addEventListener('close', () => {
      dialog.remove();
      resolve(dialog.returnValue === 'yes');
    });
    document.body.append(dialog);
    dialog.showModal();
  });
}
