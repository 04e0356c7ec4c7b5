import { element } from '../dom.js';

/**
 * A photo's thumbnail, fetched when it comes into sight.
 * @param {import('../images.js').Images} images
 * @param {{ photoId: string, alt: string }} photo
 */
export function thumbnail(images, { photoId, alt }) {
  const frame = element('span', { class: 'thumbnail', role: 'img', 'aria-label': alt });
  const watcher = new IntersectionObserver(
    async ([entry]) => {
      if (!entry?.isIntersecting) return;
      watcher.disconnect();
      try {
        // A copy, because one photo can be seen in several places.
        const image = /** @type {HTMLImageElement} */ ((await images.thumbnail(photoId)).cloneNode());
        image.alt = alt;
        frame.removeAttribute('role');
        frame.removeAttribute('aria-label');
        frame.replaceChildren(image);
      } catch {
        // An empty frame; what can be done with the photo does not depend on it.
        frame.dataset.missing = '';
      }
    },
    { rootMargin: '200px' },
  );
  watcher.observe(frame);
  return frame;
}
