import { viewHead } from '../components/view-head.js';
import { element } from '../dom.js';
import { linkTo } from '../router.js';

/** @type {import('../app.js').MakeView} */
export function notFoundView() {
  return {
    title: 'Not found',
    content: element(
      'div',
      { class: 'narrow' },
      viewHead('There is nothing here', { lead: 'The address may be mistyped or old.' }),
      element('a', { class: 'button', href: linkTo('/') }, 'To the start'),
    ),
  };
}
