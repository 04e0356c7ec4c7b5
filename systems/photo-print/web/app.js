import { createApi } from './api.js';
import { createCatalogue } from './catalogue.js';
import { createAnnouncer } from './components/announcer.js';
import { createConnection } from './components/connection.js';
import { createSignInAgain } from './components/sign-in-again.js';
import { createImages } from './images.js';
import { loadIcons } from './load-icons.js';
import { createOrderKeys } from './order-key.js';
import { createPhotos } from './photos.js';
import { linkTo, startRouter } from './router.js';
import { createSession } from './session.js';
import { createShell } from './shell.js';
import { accountView } from './views/account.js';
import { checkoutView } from './views/checkout.js';
import { importView } from './views/import.js';
import { notFoundView } from './views/not-found.js';
import { orderView } from './views/order.js';
import { ordersView } from './views/orders.js';
import { photosView } from './views/photos.js';
import { printView } from './views/print.js';
import { signInView } from './views/sign-in.js';
import { signUpView } from './views/sign-up.js';
import { welcomeView } from './views/welcome.js';

/**
 * What views work with.
 * @typedef {object} App
 * @property {import('./api.js').Api} api
 * @property {import('./session.js').Session} session
 * @property {import('./photos.js').Photos} photos
 * @property {import('./images.js').Images} images
 * @property {import('./catalogue.js').Catalogue} catalogue
 * @property {ReturnType<typeof createOrderKeys>} orderKeys
 * @property {(text: string) => void} announce
 * @property {(link: string) => void} go
 * @property {(link: string) => void} replace
 * @property {(link: string) => void} note
 */

const session = createSession(sessionStorage);
const connection = createConnection(byId('connection'));
const api = createApi({
  session,
  signInAgain: createSignInAgain({
    session,
    createSession: (json, signal) =>
      api.post('/sessions', { json, signal, anonymous: true, repeatable: true }),
  }),
  onWaiting: connection.onWaiting,
});
const images = createImages(api);
const photos = createPhotos(api);

/** @type {App} */
const app = {
  ...{ api, session, images, photos },
  catalogue: createCatalogue(api),
  orderKeys: createOrderKeys(sessionStorage),
  announce: createAnnouncer(byId('announcer')),
  go: (link) => router.go(link),
  replace: (link) => router.replace(link),
  note: (link) => router.note(link),
};

/** @typedef {(app: App, place: import('./router.js').Place, signal: AbortSignal) => import('./router.js').View} MakeView */

/** @param {MakeView} view */
const open = (view) => (place, signal) => view(app, place, signal);
/** Customers only; others sign in first and are then brought here. @param {MakeView} view */
const customers = (view) => (place, signal) => {
  if (session.current !== undefined) return view(app, place, signal);
  const query = place.query.size === 0 ? '' : `?${place.query}`;
  return signInView(app, { ...place, query: new URLSearchParams({ next: `${place.path}${query}` }) }, signal);
};

const shell = createShell({ session, navigation: byId('navigation'), main: byId('main') });
const router = startRouter({
  routes: {
    '/': (place, signal) => (session.current === undefined ? welcomeView : photosView)(app, place, signal),
    '/sign-up': open(signUpView),
    '/sign-in': open(signInView),
    '/photos': customers(photosView),
    '/photos/import': customers(importView),
    '/photos/:photoId/print': customers(printView),
    '/photos/:photoId/checkout': customers(checkoutView),
    '/orders': customers(ordersView),
    '/orders/:orderId': customers(orderView),
    '/account': customers(accountView),
    '*': open(notFoundView),
  },
  onView: shell.show,
});

// Without its icons the page is plainer, and works all the same.
loadIcons().catch(() => undefined);

session.onChange(() => {
  shell.showNavigation();
  if (session.current !== undefined) return;
  // The next person at this telephone sees nothing of this one.
  images.forget();
  photos.forget();
  router.go(linkTo('/'));
});

/** @param {string} id @returns {HTMLElement} */
function byId(id) {
  const found = document.getElementById(id);
  if (found === null) throw new Error(`index.html has no #${id}.`);
  return found;
}
