import { findSize, missingPixels, sizeName } from '../catalogue.js';
import { addressLines, createAddressFields } from '../components/address-fields.js';
import { createField } from '../components/field.js';
import { createForm } from '../components/form.js';
import { loaded } from '../components/loaded.js';
import { createPaymentChoice } from '../components/payment-choice.js';
import { thumbnail } from '../components/thumbnail.js';
import { viewHead } from '../components/view-head.js';
import { element } from '../dom.js';
import { formatMoney } from '../format.js';
import { Problem } from '../problem.js';
import { linkTo } from '../router.js';
import { newTrace } from '../trace.js';

/** @typedef {import('../components/address-fields.js').Recipient} Recipient */
/**
 * @typedef {object} Purchase
 * @property {import('../photos.js').Photo} photo
 * @property {import('../catalogue.js').Product} product
 * @property {import('../catalogue.js').Size} size
 * @property {number} quantity
 * @property {Partial<Recipient>} recipient
 * @property {import('../components/payment-choice.js').Card[]} cards
 */

/** Where it goes and who pays. @type {import('../app.js').MakeView} */
export function checkoutView(app, { params: { photoId }, query }, signal) {
  const choices = Object.fromEntries([...query].filter(([name]) => name !== 'after'));
  return {
    title: 'Your order',
    flow: true,
    content: element(
      'div',
      { class: 'checkout narrow' },
      viewHead('Almost yours', {
        back: { link: linkTo(`/photos/${photoId}/print`, choices), text: 'Change the print' },
      }),
      loaded({
        signal,
        load: () => loadPurchase(app, photoId, query, signal),
        show: (purchase) => checkout(app, purchase, signal),
      }),
    ),
  };
}

/** @param {import('../app.js').App} app @param {string} photoId @param {URLSearchParams} query @param {AbortSignal} signal @returns {Promise<Purchase>} */
async function loadPurchase(app, photoId, query, signal) {
  const [photo, products, recipient, { cards }] = await Promise.all([
    app.photos.find(photoId, signal),
    app.catalogue.products(),
    loadRecipient(app, query.get('after'), signal),
    app.api.get('/cards', { signal }),
  ]);
  if (photo === undefined) throw new Problem('photoNotFound', { status: 404 });
  const asked = findSize(products, query.get('product') ?? '', query.get('size') ?? '');
  const quantity = Number(query.get('quantity') ?? 1);
  if (asked === undefined || !(quantity >= 1 && quantity <= 100)) {
    throw new Problem('unsupportedCombination', { status: 422 });
  }
  const needed = missingPixels(asked.size, photo);
  if (needed !== undefined)
    throw new Problem('tooFewPixels', { status: 422, details: { needed, actual: photo } });
  return { ...asked, photo, quantity: Math.round(quantity), recipient, cards };
}

/** The address of an earlier order if this one follows it, else the customer's own. @returns {Promise<Partial<Recipient>>} */
async function loadRecipient(app, earlierOrderId, signal) {
  try {
    if (earlierOrderId !== null)
      return (await app.api.get(`/print-orders/${earlierOrderId}`, { signal })).shipTo;
    const { name, address } = await app.api.get('/accounts/me', { signal });
    return { name, ...address };
  } catch (error) {
    if (!(error instanceof Problem) || error.status !== 404) throw error;
    return {};
  }
}

/** @param {import('../app.js').App} app @param {Purchase} purchase @param {AbortSignal} signal */
function checkout(app, purchase, signal) {
  const { photo, product, size, quantity, cards } = purchase;
  const payment = createPaymentChoice(cards);
  const recipient = createRecipient(purchase.recipient);
  const { form } = createForm({
    fields: recipient.fields,
    content: [recipient.element, payment.element, summary(purchase)],
    submit: 'Order and pay',
    signal,
    async onSubmit() {
      const trace = newTrace();
      const json = {
        ...{ photoId: photo.photoId, product: product.product, size: size.size, quantity },
        shipTo: recipient.value,
        payment: await payment.resolve((card) => app.api.post('/cards', { json: card, signal, trace })),
      };
      const idempotencyKey = app.orderKeys.keyFor(json);
      const order = await app.api
        .post('/print-orders', { json, signal, idempotencyKey, trace })
        .catch((error) => {
          if (error instanceof Problem && error.reason === 'idempotencyKeyReused') app.orderKeys.forget();
          throw error;
        });
      app.orderKeys.forget();
      app.announce('Your order is placed.');
      app.replace(linkTo(`/orders/${order.orderId}`, { new: 1 }));
    },
  });
  return element('div', { class: 'stack' }, purchaseCard(app, purchase), form);
}

/** @param {import('../app.js').App} app @param {Purchase} purchase */
function purchaseCard(app, { photo, product, size, quantity }) {
  return element(
    'div',
    { class: 'purchase card' },
    thumbnail(app.images, { photoId: photo.photoId, alt: 'Your photo' }),
    element(
      'div',
      { class: 'stack-tight' },
      element('h2', {}, product.name),
      element(
        'p',
        { class: 'soft' },
        `${sizeName(product, size)}, ${quantity} ${quantity === 1 ? 'piece' : 'pieces'}`,
      ),
    ),
  );
}

/** The address as text while it is known, as fields to change it. @param {Partial<Recipient>} known */
function createRecipient(known) {
  const name = createField({
    label: 'Name on the parcel',
    pointer: '/shipTo/name',
    input: { autocomplete: 'shipping name', maxlength: 120, value: known.name ?? '' },
  });
  const address = createAddressFields({ pointer: '/shipTo', section: 'shipping', address: known });
  const fields = element(
    'div',
    { class: 'form', hidden: known.street !== undefined },
    name.element,
    ...address.elements,
  );
  const shown = element('div', { class: 'card recipient', hidden: known.street === undefined });
  const change = () => {
    shown.hidden = true;
    fields.hidden = false;
    name.input.focus();
  };
  if (known.street !== undefined) {
    shown.append(
      addressLines(/** @type {Recipient} */ (known)),
      element('button', { type: 'button', class: 'link-button', onclick: change }, 'Change'),
    );
  }
  // Something is wrong with a field that cannot be seen: show it.
  fields.addEventListener('focusin', () => {
    if (fields.hidden) change();
  });
  return {
    element: element('fieldset', {}, element('legend', {}, 'Ship to'), shown, fields),
    fields: [name, ...address.fields],
    get value() {
      return { name: name.value, ...address.value };
    },
  };
}

/** @param {Purchase} purchase */
function summary({ size, quantity }) {
  const prints = formatMoney({ ...size.price, amount: size.price.amount * quantity });
  return element(
    'dl',
    { class: 'sums figures' },
    element('dt', {}, `${quantity} × ${formatMoney(size.price)}`),
    element('dd', {}, prints),
    element('dt', {}, 'Postage'),
    element('dd', { class: 'soft' }, 'added once per order'),
  );
}
