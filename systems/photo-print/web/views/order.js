import { findSize, sizeName } from '../catalogue.js';
import { addressLines } from '../components/address-fields.js';
import { confirm } from '../components/confirm.js';
import { loaded } from '../components/loaded.js';
import { notice } from '../components/notice.js';
import { orderPapers } from '../components/order-papers.js';
import { timeline } from '../components/timeline.js';
import { viewHead } from '../components/view-head.js';
import { element } from '../dom.js';
import { followOrder } from '../follow-order.js';
import { formatMoney } from '../format.js';
import { awaitsRefund, isCancellable, isFinal, statusWords } from '../orders.js';
import { createPreview } from '../preview/preview.js';
import { Problem } from '../problem.js';
import { linkTo } from '../router.js';
import { declineSentence, sentenceFor } from '../sentences.js';
import { showPhoto } from './print.js';

/** @typedef {import('../orders.js').Order} Order */

/** An order on its way, live. @type {import('../app.js').MakeView} */
export function orderView(app, { params: { orderId }, query }, signal) {
  const isNew = query.has('new');
  const head = viewHead(isNew ? 'Thank you!' : 'Your order', {
    back: { link: linkTo('/orders'), text: 'Orders' },
    ...(isNew ? { lead: 'Your order is with us. You can follow it here.' } : {}),
  });
  return {
    title: 'Your order',
    content: element(
      'div',
      { class: 'order-view' },
      head,
      loaded({
        signal,
        load: () => Promise.all([findOrder(app, orderId, signal), app.catalogue.products()]),
        show: ([order, products]) => liveOrder(app, { order, products, signal, head }),
      }),
    ),
  };
}

/** @param {import('../app.js').App} app @param {string} orderId @param {AbortSignal} signal @returns {Promise<Order>} */
async function findOrder(app, orderId, signal) {
  try {
    return await app.api.get(`/print-orders/${encodeURIComponent(orderId)}`, { signal });
  } catch (error) {
    // What is no id of an order is no order either.
    if (error instanceof Problem && error.reason === 'invalid_input')
      throw new Problem('orderNotFound', { status: 404, cause: error });
    throw error;
  }
}

/** @param {import('../app.js').App} app @param {{ order: Order, products: import('../catalogue.js').Product[], signal: AbortSignal, head: HTMLElement }} parts */
function liveOrder(app, { order, products, signal, head }) {
  const path = `/print-orders/${order.orderId}`;
  const steps = element('div', {});
  const news = element('div', {});
  const actions = element('div', { class: 'stack' });
  const sums = element('div', {});
  let shown = order;

  /** @param {Order} next */
  const show = (next) => {
    const moved = next.status !== shown.status;
    shown = next;
    steps.replaceChildren(timeline(next));
    if (isFinal(next) && next.status !== 'despatched') sober(head);
    sums.replaceChildren(sumsOf(next));
    // Only when they change, so that a button does not vanish under a finger.
    if (moved || actions.childElementCount === 0) actions.replaceChildren(...actionsOf(next));
    if (!moved) return;
    news.replaceChildren();
    const { name, meaning } = statusWords(next.status);
    app.announce(`${name}. ${meaning}`);
  };
  /** @param {Order} current */
  const actionsOf = (current) => [
    ...(current.status === 'payment-declined' ? [declinedNotice(current)] : []),
    ...orderPapers(app, current, signal),
    ...(isCancellable(current) ? [cancelButton()] : []),
    ...(current.status === 'despatched' || current.status === 'cancelled' ? [againLink(current)] : []),
  ];
  const cancelButton = () =>
    element(
      'button',
      { type: 'button', class: 'button', 'data-kind': 'danger', onclick: () => void cancel() },
      'Cancel this order',
    );
  const cancel = async () => {
    const sure = await confirm({
      title: 'Cancel this order?',
      text: 'It will not be printed, and what you have paid is given back.',
      yes: 'Cancel the order',
      no: 'Keep it',
    });
    if (!sure || signal.aborted) return;
    try {
      show(await app.api.post(`${path}/cancellation`, { signal, repeatable: true }));
      void follow();
    } catch (error) {
      if (signal.aborted) return;
      news.replaceChildren(notice(sentenceFor(error)));
      // Most likely it has moved on meanwhile.
      void app.api.get(path, { signal }).then(show, () => undefined);
    }
  };
  const follow = () =>
    followOrder({
      order: shown,
      load: () => app.api.get(path, { signal }),
      onChange: show,
      onTrouble: (error) => news.replaceChildren(notice(sentenceFor(error))),
      signal,
    }).catch(() => undefined);

  show(order);
  void follow();
  return element(
    'div',
    { class: 'order-columns' },
    orderPicture(app, { order, products, signal }),
    element(
      'div',
      { class: 'stack' },
      element('section', { 'aria-label': 'Progress' }, steps),
      news,
      actions,
      element('section', { class: 'stack-tight' }, element('h2', {}, 'Ships to'), addressLines(order.shipTo)),
      element('section', { class: 'stack-tight' }, element('h2', {}, 'Price'), sums),
    ),
  );
}

/** Thanks are out of place over an order that came to nothing. @param {HTMLElement} head */
function sober(head) {
  const heading = head.querySelector('h1');
  if (heading !== null) heading.textContent = 'Your order';
  head.querySelector('.lead')?.remove();
}

/** @param {Order} order */
function declinedNotice({ orderId, photoId, product, size, quantity, declineReason }) {
  const link = linkTo(`/photos/${photoId}/checkout`, { product, size, quantity, after: orderId });
  return notice(declineSentence(declineReason), { action: { text: 'Pay another way', link } });
}

/** @param {Order} order */
function againLink({ photoId, product, size, quantity }) {
  const link = linkTo(`/photos/${photoId}/print`, { product, size, quantity });
  return element('a', { class: 'button', 'data-kind': 'quiet', href: link }, 'Order it again');
}

/** @param {import('../app.js').App} app @param {{ order: Order, products: import('../catalogue.js').Product[], signal: AbortSignal }} parts */
function orderPicture(app, { order, products, signal }) {
  const place = element('div', {});
  const found = findSize(products, order.product, order.size);
  const showIt = async () => {
    const photo = await app.photos.find(order.photoId, signal);
    if (photo === undefined || found === undefined) return;
    const preview = createPreview({ withControls: false });
    place.append(preview.element);
    const name = sizeName(found.product, found.size);
    const description = `Your photo on ${found.product.name.toLowerCase()}, ${name}.`;
    preview.show({ product: order.product, size: found.size, photo, description });
    void showPhoto(app, photo, preview);
  };
  // Without its picture the order is told in words all the same.
  showIt().catch(() => undefined);
  const words =
    found === undefined
      ? `${order.product} ${order.size}`
      : `${found.product.name}, ${sizeName(found.product, found.size)}`;
  return element(
    'div',
    { class: 'order-picture' },
    place,
    element('p', { class: 'order-what' }, `${order.quantity} × ${words}`),
  );
}

/** @param {Order} order */
function sumsOf(order) {
  const { amounts, quantity, status, times } = order;
  const { unitPrice, postage, total, refunded } = amounts;
  const prints = { ...unitPrice, amount: unitPrice.amount * quantity };
  const unpaid =
    status === 'payment-declined' ||
    (status === 'cancelled' && times.paid === undefined && refunded === undefined);
  const rows = [
    [`${quantity} × ${formatMoney(unitPrice)}`, formatMoney(prints)],
    ['Postage', formatMoney(postage)],
    [unpaid ? 'Total, not charged' : 'Total', formatMoney(total)],
    ...(refunded === undefined ? [] : [['Given back', formatMoney(refunded)]]),
    ...(awaitsRefund(order) ? [['Will be given back', formatMoney(total)]] : []),
  ];
  return element(
    'dl',
    { class: 'sums figures' },
    rows.flatMap(([name, value]) => [element('dt', {}, name ?? ''), element('dd', {}, value ?? '')]),
  );
}
