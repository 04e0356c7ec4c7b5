import { element } from '../dom.js';
import { formatDay, formatPixels } from '../format.js';
import { linkTo } from '../router.js';
import { thumbnail } from './thumbnail.js';

/**
 * Photos side by side; each leads to its print.
 * @param {import('../images.js').Images} images
 * @param {readonly import('../photos.js').Photo[]} photos
 */
export function photoGrid(images, photos) {
  const grid = element('ul', { class: 'photo-grid' });
  /** @param {readonly import('../photos.js').Photo[]} more */
  const add = (more) => grid.append(...more.map((photo) => element('li', {}, photoLink(images, photo))));
  add(photos);
  return { element: grid, add };
}

/** @param {import('../images.js').Images} images @param {import('../photos.js').Photo} photo */
function photoLink(images, photo) {
  const from = photo.uploadedAt === undefined ? '' : ` from ${formatDay(photo.uploadedAt)}`;
  return element(
    'a',
    { href: linkTo(`/photos/${photo.photoId}/print`) },
    thumbnail(images, { photoId: photo.photoId, alt: `Print your photo${from}, ${formatPixels(photo)}` }),
  );
}
