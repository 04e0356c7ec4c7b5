import { findSize, sizeName } from '../catalogue.js';
import { loaded } from '../components/loaded.js';
import { moreButton } from '../components/more-button.js';
import { thumbnail } from '../components/thumbnail.js';
import { viewHead } from '../components/view-head.js';
import { element, icon } from '../dom.js';
import { formatMoment, formatMoney } from '../format.js';
import { statusWords } from '../orders.js';
import { linkTo } from '../router.js';

/** @typedef {import('../orders.js').Order} Order */

/** @type {import('../app.js').MakeView} */
export function ordersView(app, _place, signal) {
  return {
    title: 'Your orders',
    content: element(
      'div',
      { class: 'orders-view' },
      viewHead('Your orders'),
      loaded({
        signal,
        load: () => Promise.all([page(app, undefined, signal), app.catalogue.products()]),
        show: ([first, products]) => orderList(app, { first, products, signal }),
      }),
    ),
  };
}

/** @param {import('../app.js').App} app @param {string | undefined} before @param {AbortSignal} signal @returns {Promise<{ orders: Order[], next?: string }>} */
function page(app, before, signal) {
  const search = new URLSearchParams({ limit: '20', ...(before === undefined ? {} : { before }) });
  return app.api.get(`/print-orders?${search}`, { signal });
}

/** @param {import('../app.js').App} app @param {{ first: { orders: Order[], next?: string }, products: import('../catalogue.js').Product[], signal: AbortSignal }} parts */
function orderList(app, { first, products, signal }) {
  if (first.orders.length === 0) {
    return element(
      'div',
      { class: 'stack empty' },
      element('p', { class: 'soft' }, 'Nothing yet. Your first print is a photo away.'),
      element('a', { class: 'button', href: linkTo('/photos') }, 'Choose a photo'),
    );
  }
  const list = element('ul', { class: 'order-list' });
  /** @param {Order[]} orders */
  const add = (orders) => list.append(...orders.map((order) => orderRow(app, order, products)));
  add(first.orders);
  const more = moreButton({
    next: first.next,
    signal,
    load: async (before) => {
      const { orders, next } = await page(app, before, signal);
      add(orders);
      return next;
    },
  });
  return element('div', { class: 'stack' }, list, more);
}

/** @param {import('../app.js').App} app @param {Order} order @param {import('../catalogue.js').Product[]} products */
function orderRow(app, order, products) {
  const found = findSize(products, order.product, order.size);
  const what =
    found === undefined
      ? `${order.product} ${order.size}`
      : `${found.product.name}, ${sizeName(found.product, found.size)}`;
  const placedAt = order.times.placed;
  return element(
    'li',
    {},
    element(
      'a',
      { href: linkTo(`/orders/${order.orderId}`) },
      thumbnail(app.images, { photoId: order.photoId, alt: '' }),
      element(
        'span',
        { class: 'order-words' },
        element('span', { class: 'order-name' }, `${order.quantity} × ${what}`),
        element('span', { class: 'status', 'data-status': order.status }, statusWords(order.status).name),
        element(
          'span',
          { class: 'soft small figures' },
          `${formatMoney(order.amounts.total)}${placedAt === undefined ? '' : `, ${formatMoment(placedAt)}`}`,
        ),
      ),
      icon('forward'),
    ),
  );
}
