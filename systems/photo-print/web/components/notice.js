import { element, icon } from '../dom.js';

/**
 * Something that the customer should know before going on. Bad news are said at once by screen readers.
 * @param {string} text
 * @param {{ tone?: 'bad' | 'calm', action?: { text: string, onclick: () => void } | { text: string, link: string } }} [more]
 */
export function notice(text, { tone = 'bad', action } = {}) {
  return element(
    'div',
    { class: 'notice', 'data-tone': tone, role: tone === 'bad' ? 'alert' : undefined },
    icon(tone === 'bad' ? 'alert' : 'check'),
    element('p', {}, text),
    action !== undefined && actionButton(action),
  );
}

/** @param {{ text: string, onclick: () => void } | { text: string, link: string }} action */
function actionButton(action) {
  const look = { class: 'button', 'data-kind': 'quiet', 'data-size': 'small' };
  return 'link' in action
    ? element('a', { ...look, href: action.link }, action.text)
    : element('button', { ...look, type: 'button', onclick: action.onclick }, action.text);
}
