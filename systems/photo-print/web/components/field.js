import { element, uniqueId } from '../dom.js';

/** @typedef {ReturnType<typeof createField>} Field */

/**
 * A labelled input with room for a hint and for what is wrong with it.
 * @param {object} options
 * @param {string} options.label
 * @param {string} [options.pointer] JSON pointer of the value in the request, which is how the API names it when it is wrong
 * @param {string} [options.hint]
 * @param {boolean} [options.optional]
 * @param {{ value: string, text: string }[]} [options.choices] makes it a select
 * @param {Record<string, unknown>} [options.input] further attributes
 */
export function createField({ label, pointer, hint, optional = false, choices, input: attributes = {} }) {
  const id = uniqueId('field');
  const hintId = `${id}-hint`;
  const problemId = `${id}-problem`;
  const described = hint === undefined ? problemId : `${hintId} ${problemId}`;
  const common = { ...attributes, id, 'aria-describedby': described, required: !optional };
  /** @type {HTMLInputElement | HTMLSelectElement} */
  const input =
    choices === undefined
      ? element('input', { type: 'text', ...common })
      : element(
          'select',
          common,
          choices.map(({ value, text }) => element('option', { value }, text)),
        );
  const problem = element('p', { class: 'problem', id: problemId });
  const setProblem = (text) => {
    problem.textContent = text;
    if (text === '') input.removeAttribute('aria-invalid');
    else input.setAttribute('aria-invalid', 'true');
  };
  input.addEventListener('input', () => setProblem(''));
  return {
    element: element(
      'div',
      { class: 'field' },
      element('label', { for: id }, optional ? `${label} (optional)` : label),
      input,
      hint !== undefined && element('p', { class: 'hint', id: hintId }, hint),
      problem,
    ),
    input,
    pointer,
    /** @type {(text: string) => void} empty: nothing is wrong */
    setProblem,
    get value() {
      return input.type === 'password' ? input.value : input.value.trim();
    },
  };
}
