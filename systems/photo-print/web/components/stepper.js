import { element, icon, uniqueId } from '../dom.js';

/**
 * A whole number with buttons for one less and one more.
 * @param {{ label: string, value: number, min: number, max: number, onChange: (value: number) => void }} options
 */
export function createStepper({ label, value, min, max, onChange }) {
  const id = uniqueId('stepper');
  const input = element('input', {
    ...{ id, type: 'number', inputmode: 'numeric', min, max, value },
  });
  /** @param {number} wanted */
  const set = (wanted) => {
    const valid = Math.min(max, Math.max(min, Math.round(wanted) || min));
    input.value = String(valid);
    onChange(valid);
  };
  input.addEventListener('change', () => set(Number(input.value)));
  /** @param {number} step @param {string} name @param {string} symbol */
  const button = (step, name, symbol) =>
    element(
      'button',
      { type: 'button', 'aria-label': name, onclick: () => set(Number(input.value) + step) },
      icon(symbol),
    );
  return element(
    'div',
    { class: 'quantity' },
    element('label', { class: 'group-label', for: id }, label),
    element(
      'div',
      { class: 'stepper' },
      button(-1, 'One less', 'minus'),
      input,
      button(1, 'One more', 'plus'),
    ),
  );
}
