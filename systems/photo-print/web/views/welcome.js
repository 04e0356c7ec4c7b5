import { element } from '../dom.js';
import { linkTo } from '../router.js';
import { createSample } from './welcome-sample.js';

/** @type {import('../app.js').MakeView} */
export function welcomeView() {
  return {
    title: 'Photo Print',
    content: element(
      'div',
      { class: 'welcome' },
      element('div', { class: 'welcome-picture' }, createSample()),
      element(
        'div',
        { class: 'welcome-words' },
        element('h1', { tabindex: '-1' }, 'Your photos, in your hands'),
        element(
          'p',
          { class: 'lead soft' },
          'On paper, on a mug or on a T-shirt. Choose a photo, see how it will look, and follow it until it is on its way.',
        ),
        element(
          'div',
          { class: 'button-row' },
          element('a', { class: 'button', href: linkTo('/sign-up') }, 'Create account'),
          element('a', { class: 'button', 'data-kind': 'quiet', href: linkTo('/sign-in') }, 'Sign in'),
        ),
      ),
    ),
  };
}
