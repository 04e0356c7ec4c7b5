import { loaded } from '../components/loaded.js';
import { moreButton } from '../components/more-button.js';
import { createPhotoDrop } from '../components/photo-drop.js';
import { photoGrid } from '../components/photo-grid.js';
import { viewHead } from '../components/view-head.js';
import { element, icon } from '../dom.js';
import { linkTo } from '../router.js';

/** @type {import('../app.js').MakeView} */
export function photosView(app, _place, signal) {
  const drop = createPhotoDrop(app, signal);
  return {
    title: 'Your photos',
    content: element(
      'div',
      { class: 'photos-view' },
      element(
        'section',
        { class: 'photos-new' },
        viewHead('What shall we print?', { lead: 'Choose a photo. Next you see how it will look.' }),
        drop,
        element(
          'a',
          { class: 'row-link', href: linkTo('/photos/import') },
          icon('import'),
          element('span', {}, 'Import from Instagram'),
          icon('forward'),
        ),
      ),
      element(
        'section',
        { class: 'photos-own', 'aria-labelledby': 'own-photos' },
        element('h2', { id: 'own-photos' }, 'Your photos'),
        loaded({
          signal,
          load: () => app.photos.list({ signal }),
          show: (page) => ownPhotos(app, page, signal),
        }),
      ),
    ),
  };
}

/** @param {import('../app.js').App} app @param {{ photos: import('../photos.js').Photo[], next?: string }} page @param {AbortSignal} signal */
function ownPhotos(app, { photos, next }, signal) {
  if (photos.length === 0)
    return element('p', { class: 'soft' }, 'Here you will find every photo you have sent us.');
  const grid = photoGrid(app.images, photos);
  const more = moreButton({
    next,
    signal,
    load: async (before) => {
      const page = await app.photos.list({ before, signal });
      grid.add(page.photos);
      return page.next;
    },
  });
  return element('div', { class: 'stack' }, grid.element, more);
}
