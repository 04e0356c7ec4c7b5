import { element } from '../dom.js';
import { Problem } from '../problem.js';
import { sentenceFor } from '../sentences.js';
import { notice } from './notice.js';

/**
 * A form that says beside each field what is wrong with it, whether the browser or the API finds it, and that sends once however
 * often it is pressed.
 * @param {object} options
 * @param {readonly import('./field.js').Field[]} options.fields
 * @param {readonly Node[]} options.content holds the fields
 * @param {string} options.submit text of the button
 * @param {() => Promise<void>} options.onSubmit
 * @param {AbortSignal} options.signal
 */
export function createForm({ fields, content, submit, onSubmit, signal }) {
  const problems = element('div', {});
  const button = element('button', { class: 'button', type: 'submit' }, submit);
  const form = element('form', { class: 'form', novalidate: true }, content, problems, button);
  let busy = false;

  const send = async () => {
    // Not `disabled`: that would throw the focus away.
    busy = true;
    button.setAttribute('aria-disabled', 'true');
    button.textContent = 'One moment …';
    try {
      await onSubmit();
    } catch (error) {
      if (!signal.aborted) showProblem(error, fields, problems);
    } finally {
      busy = false;
      button.removeAttribute('aria-disabled');
      button.textContent = submit;
    }
  };
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    if (busy) return;
    problems.replaceChildren();
    if (checkFields(fields)) void send();
  });
  return { form };
}

/** Focuses the first field that is not right. @param {readonly import('./field.js').Field[]} fields @returns {boolean} true if all are */
function checkFields(fields) {
  for (const field of fields)
    field.setProblem(field.input.validity.valid ? '' : field.input.validationMessage);
  const first = fields.find((field) => !field.input.validity.valid);
  first?.input.focus();
  return first === undefined;
}

/** @param {unknown} error @param {readonly import('./field.js').Field[]} fields @param {HTMLElement} problems */
function showProblem(error, fields, problems) {
  if (!(error instanceof Problem)) reportError(error);
  problems.replaceChildren(notice(sentenceFor(error)));
  const issues =
    error instanceof Problem && error.reason === 'invalid_input' ? error.details?.issues : undefined;
  if (!Array.isArray(issues)) return;
  /** @type {import('./field.js').Field | undefined} */
  let first;
  for (const field of fields) {
    const issue = issues.find(({ pointer }) => pointer === field.pointer);
    if (issue === undefined) continue;
    field.setProblem(toSentence(String(issue.message)));
    first ??= field;
  }
  first?.input.focus();
}

/** @param {string} message like `must be a telephone number` */
function toSentence(message) {
  return `${message.charAt(0).toUpperCase()}${message.slice(1)}.`.replace(/\.\.$/, '.');
}
