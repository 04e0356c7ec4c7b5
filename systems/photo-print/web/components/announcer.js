/**
 * Says things to screen readers that others see by themselves.
 * @param {HTMLElement} region with `aria-live`
 */
export function createAnnouncer(region) {
  /** @param {string} text */
  return (text) => {
    // A fresh element each time, so that the same words are said again.
    const line = document.createElement('p');
    line.textContent = text;
    region.replaceChildren(line);
  };
}
