import { element, icon } from './dom.js';
import { linkTo } from './router.js';

const tabs = [
  { path: '/photos', text: 'Photos', symbol: 'photos' },
  { path: '/orders', text: 'Orders', symbol: 'orders' },
  { path: '/account', text: 'Account', symbol: 'account' },
];

/**
 * What is around every view: the navigation, the title, and where the focus goes.
 * @param {{ session: import('./session.js').Session, navigation: HTMLElement, main: HTMLElement }} parts
 */
export function createShell({ session, navigation, main }) {
  let path = '/';
  let isFirst = true;
  document.querySelector('.skip-link')?.addEventListener('click', (event) => {
    event.preventDefault();
    main.focus();
  });

  const showNavigation = () => {
    const signedIn = session.current !== undefined;
    navigation.hidden = !signedIn;
    const here = path === '/' ? '/photos' : path;
    navigation.replaceChildren(
      ...tabs.map((tab) =>
        element(
          'a',
          {
            href: linkTo(tab.path),
            'aria-current': here === tab.path ? 'page' : here.startsWith(tab.path) && 'true',
          },
          icon(tab.symbol),
          tab.text,
        ),
      ),
    );
  };
  return {
    showNavigation,
    /** @param {import('./router.js').View} view @param {import('./router.js').Place} place */
    show(view, place) {
      path = place.path;
      showNavigation();
      document.title = view.title === 'Photo Print' ? view.title : `${view.title} · Photo Print`;
      document.body.toggleAttribute('data-flow', view.flow === true);
      main.replaceChildren(view.content);
      scrollTo(0, 0);
      // At the first view the browser has just read the title; afterwards nothing else tells that the page has changed.
      if (!isFirst) main.querySelector('h1')?.focus({ preventScroll: true });
      isFirst = false;
    },
  };
}
