import { element, icon, uniqueId } from '../dom.js';

/**
 * One of several, as a radio button that looks like a tile.
 * @param {object} options
 * @param {string} options.name of the group
 * @param {string} options.value
 * @param {string} options.text
 * @param {string} [options.note]
 * @param {string} [options.symbol] icon before the text
 * @param {string} [options.trailing] text at the end
 * @param {boolean} [options.checked]
 * @param {boolean} [options.disabled]
 * @param {() => void} options.onChosen
 */
export function choice({ name, value, text, note, symbol, trailing, checked, disabled, onChosen }) {
  const textId = uniqueId('choice');
  const noteId = `${textId}-note`;
  return element(
    'label',
    { class: 'choice' },
    element('input', {
      type: 'radio',
      ...{ name, value, checked, disabled },
      'aria-labelledby': trailing === undefined ? textId : `${textId} ${textId}-end`,
      'aria-describedby': note === undefined ? undefined : noteId,
      onchange: onChosen,
    }),
    symbol !== undefined && icon(symbol),
    element(
      'span',
      { class: 'choice-text' },
      element('span', { id: textId }, text),
      note !== undefined && element('span', { class: 'choice-note', id: noteId }, note),
    ),
    trailing !== undefined && element('span', { class: 'trailing figures', id: `${textId}-end` }, trailing),
  );
}
