import { element } from '../dom.js';
import { formatNumber } from '../format.js';

/**
 * The photo on its way, with how far it is and a way to stop it.
 * @param {File} file
 * @param {{ announce: (text: string) => void, onCancel: () => void }} options
 */
export function createUploadProgress(file, { announce, onCancel }) {
  const url = URL.createObjectURL(file);
  const megabytes = (/** @type {number} */ bytes) => formatNumber(Math.round(bytes / 100_000) / 10);
  const bar = element('progress', { max: 1, value: 0, 'aria-label': 'Sending your photo' });
  const text = element('p', { class: 'figures' }, 'Sending your photo …');
  const cancel = element(
    'button',
    { type: 'button', class: 'button', 'data-kind': 'quiet', 'data-size': 'small', onclick: onCancel },
    'Cancel',
  );
  let announced = 0;
  return {
    element: element(
      'div',
      { class: 'upload-progress' },
      element('img', { src: url, alt: '' }),
      element('div', { class: 'stack-tight' }, text, bar, cancel),
    ),
    focus: () => cancel.focus(),
    /** @param {number} share 0–1 */
    show(share) {
      bar.value = share;
      text.textContent =
        share < 1
          ? `${megabytes(share * file.size)} of ${megabytes(file.size)} MB sent`
          : 'Sent. Looking at your photo …';
      const quarter = Math.floor(share * 4);
      if (quarter > announced)
        announce(quarter === 4 ? 'Sent. We are looking at it.' : `${quarter * 25} percent sent.`);
      announced = Math.max(announced, quarter);
    },
    release: () => URL.revokeObjectURL(url),
  };
}
