import { request } from './api.js';
import { addressText, element, facts, statusMark, table, totalRow } from './dom.js';
import { formatMoment, formatMoney } from './format.js';
import { newOrder } from './order-form.js';
import { announce, run, startViews } from './view.js';

startViews(async (place) => {
  if (place === 'new') return newOrder();
  return place === '' ? listOrders() : showOrder(place);
});

async function listOrders() {
  const { orders, next } = await request('GET', '/order/orders');
  const add = element('a', { class: 'button main', href: '#/new' }, 'New order');
  const head = element('div', { class: 'head' }, element('h1', {}, 'Orders'), orders.length > 0 && add);
  if (orders.length === 0) {
    const empty = element('div', { class: 'card empty' }, element('p', {}, 'No orders'), add);
    return { title: 'Orders', content: [head, empty] };
  }
  const body = table(
    'Orders, newest first',
    ['Order', 'Customer', 'Placed or changed', 'Status', 'Total'],
    orders.map(orderRow),
  );
  return { title: 'Orders', content: [head, body, next !== undefined && moreButton(body, next)] };
}

/** @param {any} order */
function orderRow({ id, number, customer, updated, status, orderLine }) {
  return element(
    'tr',
    {},
    element('th', { scope: 'row' }, element('a', { href: `#/${id}` }, `Order ${number}`)),
    element('td', {}, `${customer.firstname} ${customer.name}`),
    element('td', { class: 'wide' }, formatMoment(updated)),
    element('td', {}, statusMark(status)),
    element('td', { class: 'number' }, formatMoney(totalOf(orderLine))),
  );
}

/** @param {HTMLElement} body @param {string} before */
function moreButton(body, before) {
  const button = element('button', { class: 'button', type: 'button' }, 'Show more');
  let next = before;
  button.addEventListener('click', () =>
    run(button, async () => {
      const page = await request('GET', `/order/orders?before=${next}`);
      body.querySelector('tbody')?.append(...page.orders.map(orderRow));
      if (page.next === undefined) button.remove();
      else next = page.next;
    }),
  );
  return button;
}

/** @param {string} id */
async function showOrder(id) {
  const order = await request('GET', `/order/${encodeURIComponent(id)}`);
  const title = `Order ${order.number}`;
  const { customer, orderLine, total } = order;
  const lines = orderLine.map((/** @type {any} */ { count, item }) =>
    element(
      'tr',
      {},
      element('th', { scope: 'row' }, item.name),
      element('td', {}, `${count} × ${formatMoney(item.price)}`),
      element('td', { class: 'number' }, formatMoney({ ...item.price, amount: count * item.price.amount })),
    ),
  );
  const content = [
    element('div', { class: 'head' }, element('h1', {}, title), statusMark(order.status)),
    facts([
      [
        'Customer',
        element('span', {}, `${customer.firstname} ${customer.name}`, element('br'), customer.email),
      ],
      ['Delivered to', addressText(order.shippingAddress)],
      ['Invoice to', addressText(order.billingAddress)],
      ['Placed or changed', formatMoment(order.updated)],
    ]),
    table(
      'Lines of the order',
      ['Item', 'Count and price', 'Total'],
      [...lines, totalRow(formatMoney(total))],
    ),
    element(
      'div',
      { class: 'actions' },
      element('a', { class: 'button', href: `/shipping/#/${order.id}` }, 'Shipment'),
      element('a', { class: 'button', href: `/invoicing/#/${order.id}` }, 'Invoice'),
      order.status === 'accepted' && cancelButton(order),
    ),
    element('p', {}, element('a', { href: '#/' }, 'All orders')),
  ];
  return { title, content };
}

/** @param {any} order */
function cancelButton({ id, number }) {
  const button = element('button', { class: 'button danger', type: 'button' }, 'Cancel this order');
  const confirm = element('button', { class: 'button danger', value: 'cancel' }, 'Cancel the order');
  const dialog = element(
    'dialog',
    { 'aria-labelledby': 'cancel-title' },
    element('h2', { id: 'cancel-title' }, `Cancel order ${number}?`),
    element('p', {}, 'Its shipment and its invoice are cancelled too.'),
    element(
      'form',
      { method: 'dialog', class: 'actions' },
      confirm,
      element('button', { class: 'button', value: 'keep' }, 'Keep it'),
    ),
  );
  dialog.addEventListener('close', () => {
    if (dialog.returnValue !== 'cancel') return;
    void run(button, async () => {
      await request('DELETE', `/order/${id}`);
      announce(`Order ${number} is cancelled.`);
      dispatchEvent(new HashChangeEvent('hashchange'));
    });
  });
  button.addEventListener('click', () => {
    dialog.returnValue = '';
    dialog.showModal();
  });
  return element('span', {}, button, dialog);
}

/** @param {readonly { count: number, item: { price: { amount: number, currency: string } } }[]} lines */
function totalOf(lines) {
  const amount = lines.reduce((sum, { count, item }) => sum + count * item.price.amount, 0);
  return { amount, currency: lines[0]?.item.price.currency ?? 'EUR' };
}
