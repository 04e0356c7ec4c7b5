import { request } from './api.js';
import { delayNotice, empty, headWithPoll, later, moreButton } from './copies.js';
import { addressText, element, facts, statusMark, table, totalRow } from './dom.js';
import { formatMoment, formatMoney } from './format.js';
import { startViews } from './view.js';

const path = '/invoicing/invoices';
const again = startViews((place) => (place === '' ? listInvoices() : showInvoice(place)));

async function listInvoices() {
  const { invoices, next } = await request('GET', path);
  const delay = later(delayNotice('invoicing'));
  const orphans = later(orphanNotice());
  const head = headWithPoll('Invoices', 'invoicing', () => again());
  if (invoices.length === 0)
    return {
      title: 'Invoices',
      content: [head, delay, orphans, empty('No invoices', 'They appear here when orders are placed.')],
    };
  const body = table(
    'Invoices, newest order first',
    ['Order', 'Customer', 'E-mail', 'Status', 'Total'],
    invoices.map(row),
  );
  const more = moreButton(body, { path, list: 'invoices', row, next });
  return { title: 'Invoices', content: [head, delay, orphans, body, more] };
}

/** Deliveries that nobody pays for. */
async function orphanNotice() {
  const found = await request('GET', '/invoicing/orphans').catch(() => undefined);
  const count = found?.deliveries.length ?? 0;
  if (count === 0) return undefined;
  const text = count === 1 ? 'One delivery has no invoice.' : `${count} deliveries have no invoice.`;
  return element('p', { class: 'notice bad', role: 'alert' }, text);
}

/** @param {any} invoice */
function row({ orderId, number, customer, status, total }) {
  return element(
    'tr',
    {},
    element('th', { scope: 'row' }, element('a', { href: `#/${orderId}` }, `Order ${number}`)),
    element('td', {}, `${customer.firstname} ${customer.name}`),
    element('td', { class: 'wide' }, customer.email),
    element('td', {}, statusMark(status)),
    element('td', { class: 'number' }, formatMoney(total)),
  );
}

/** @param {string} orderId */
async function showInvoice(orderId) {
  const invoice = await request('GET', `${path}/${encodeURIComponent(orderId)}`);
  const { number, customer, billingAddress, status, updated, lines, total } = invoice;
  const title = `Invoice of order ${number}`;
  const rows = lines.map((/** @type {any} */ { count, item }) =>
    element(
      'tr',
      {},
      element('th', { scope: 'row' }, item.name),
      element('td', {}, `${count} × ${formatMoney(item.price)}`),
      element('td', { class: 'number' }, formatMoney({ ...item.price, amount: count * item.price.amount })),
    ),
  );
  const content = [
    element('div', { class: 'head' }, element('h1', {}, title), statusMark(status)),
    facts([
      [
        'Customer',
        element('span', {}, `${customer.firstname} ${customer.name}`, element('br'), customer.email),
      ],
      ['Address', addressText(billingAddress)],
      ['As of', formatMoment(updated)],
    ]),
    table('What is charged', ['Item', 'Count and price', 'Total'], [...rows, totalRow(formatMoney(total))]),
    element('p', {}, element('a', { href: '#/' }, 'All invoices')),
  ];
  return { title, content };
}
