import { request, signedInAs } from './api.js';
import { announce, button, doOnce, element, field, liveList } from './dom.js';
import { formatClock, formatLines, formatMoney, formatState } from './format.js';
import { recall, remember } from './memory.js';

const home = { street: '9 Amazing View', city: 'Oakland', postalCode: '94612' };

/**
 * Signs up, orders, and watches the orders, as the order history shows them.
 * @param {HTMLElement} desk
 * @param {() => Promise<any>} findRestaurant the one that cooks; undefined before it opens
 */
export function startConsumerDesk(desk, findRestaurant) {
  const known = recall('consumer');
  if (known !== undefined) return orderingDesk(desk, known, findRestaurant);
  let look = async () => {};
  desk.replaceChildren(
    signUpForm(async (id) => {
      remember('consumer', id);
      look = orderingDesk(desk, id, findRestaurant);
      await look();
      desk.querySelector('button')?.focus();
    }),
  );
  return () => look();
}

/** @param {(id: string) => Promise<void>} onSignedUp */
function signUpForm(onSignedUp) {
  const name = element('input', { required: true, maxlength: '120', autocomplete: 'name' });
  const card = element(
    'select',
    {},
    element('option', { value: '2099-12' }, 'A good card'),
    element('option', { value: '2020-01' }, 'A card that has expired'),
  );
  const submit = element('button', {}, 'Sign up');
  const form = element('form', {}, field('Name', name), field('Pay with', card), submit);
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    void doOnce(submit, async () => {
      const { consumerId } = await request('POST', '/consumers', { name: name.value });
      const payment = { holder: name.value, lastDigits: '4242', expires: card.value };
      await signedInAs('consumer', consumerId).request('PUT', '/account/card', payment);
      await onSignedUp(consumerId);
    });
  });
  return form;
}

/** @param {HTMLElement} desk @param {string} id @param {() => Promise<any>} findRestaurant */
function orderingDesk(desk, id, findRestaurant) {
  const consumer = signedInAs('consumer', id);
  const place = element('div', {}, element('p', { class: 'soft' }, 'No restaurant is open yet.'));
  /** @type {Map<string, string>} */
  const states = new Map();
  const orders = liveList({
    label: 'Orders',
    empty: 'Nothing has been ordered.',
    keyOf: ({ orderId }) => orderId,
    render: (order) => orderItem(order, consumer),
  });
  desk.replaceChildren(place, orders.content);
  let hasMenu = false;
  return async () => {
    const restaurant = hasMenu ? undefined : await findRestaurant();
    if (restaurant !== undefined) {
      hasMenu = true;
      place.replaceChildren(orderForm(restaurant, consumer));
    }
    const past = (await consumer.request('GET', '/orders')).orders;
    orders.show(await Promise.all(past.map((/** @type {any} */ order) => withDelivery(order, consumer))));
    for (const { orderId, status } of past) {
      if (states.has(orderId) && states.get(orderId) !== status)
        announce(`An order is ${formatState(status)}.`);
      states.set(orderId, status);
    }
  };
}

/** @param {any} order @param {import('./api.js').Somebody} consumer */
async function withDelivery(order, consumer) {
  if (order.status !== 'APPROVED') return order;
  const delivery = await consumer.request('GET', `/deliveries/${order.orderId}`).catch(() => undefined);
  return { ...order, delivery };
}

/** @param {any} restaurant @param {import('./api.js').Somebody} consumer */
function orderForm({ restaurantId, name, menu }, consumer) {
  const quantities = menu.map((/** @type {any} */ dish, /** @type {number} */ index) => {
    const control = element('input', { type: 'number', min: '0', max: '99', value: index === 0 ? '5' : '0' });
    return { dish, control };
  });
  const submit = element('button', {}, 'Order');
  const newKey = () => crypto.getRandomValues(new Uint32Array(4)).join('-');
  // The same until the order is taken: an attempt whose answer was lost is not a second order.
  let key = newKey();
  const form = element(
    'form',
    {},
    element('p', {}, `The menu of ${name}`),
    ...quantities.map((/** @type {any} */ { dish, control }) =>
      field(`${dish.name}, ${formatMoney(dish.price)}`, control),
    ),
    submit,
  );
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    void doOnce(submit, async () => {
      const lineItems = quantities
        .map((/** @type {any} */ { dish, control }) => ({
          menuItemId: dish.menuItemId,
          quantity: control.valueAsNumber || 0,
        }))
        .filter((/** @type {any} */ { quantity }) => quantity > 0);
      const order = { restaurantId, deliveryAddress: home, lineItems };
      await consumer.request('POST', '/orders', order, key).catch((error) => {
        if (error.reason === 'idempotencyKeyReused') key = newKey();
        throw error;
      });
      key = newKey();
      announce('It is ordered.');
    });
  });
  return form;
}

/** Why an order was rejected, for people. @type {Record<string, string>} */
const reasons = {
  'cardDeclined: cardExpired': 'The card has expired.',
  'cardDeclined: limitExceeded': 'That is more than the card may be charged with.',
  'cardDeclined: otherCurrency': 'The card may not be charged in this currency.',
  'cardDeclined: noCard': 'There is no card to pay with.',
};

/** @param {any} order @param {import('./api.js').Somebody} consumer */
function orderItem({ orderId, status, lineItems, total, createdAt, rejection, delivery }, consumer) {
  const change = (/** @type {string} */ what, /** @type {unknown} */ json = {}) =>
    consumer.request('POST', `/orders/${orderId}/${what}`, json);
  const double = async () => {
    const order = await consumer.request('GET', `/orders/${orderId}`);
    const quantities = order.lineItems.map((/** @type {any} */ { menuItemId, quantity }) => ({
      menuItemId,
      quantity: quantity * 2,
    }));
    await change('revise', { quantities });
  };
  return element(
    'li',
    {},
    element(
      'p',
      {},
      element('strong', { class: `state ${status}` }, formatState(status)),
      ` ${formatLines(lineItems)}`,
    ),
    element('p', { class: 'soft' }, `${formatMoney(total)}, ordered at ${formatClock(createdAt)}`),
    rejection && element('p', { class: 'soft' }, reasons[rejection] ?? `It could not be done: ${rejection}`),
    delivery && element('p', { class: 'soft' }, deliveryText(delivery)),
    status === 'APPROVED' &&
      element(
        'p',
        { class: 'actions' },
        button('Double it', double),
        button('Cancel it', () => change('cancel')),
      ),
  );
}

/** @param {any} delivery */
function deliveryText({ state, waitsFor, dropOffAt }) {
  if (state === 'PENDING') return `Accepted; waiting for: ${waitsFor.join(', ')}.`;
  return `Delivery ${formatState(state)}, at the door by ${formatClock(dropOffAt)}.`;
}
