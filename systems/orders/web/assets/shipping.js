import { request } from './api.js';
import { delayNotice, empty, headWithPoll, later, moreButton } from './copies.js';
import { addressText, element, facts, statusMark, table } from './dom.js';
import { formatMoment, formatWeight } from './format.js';
import { startViews } from './view.js';

const path = '/shipping/shipments';
const again = startViews((place) => (place === '' ? listShipments() : showShipment(place)));

async function listShipments() {
  const { shipments, next } = await request('GET', path);
  const delay = later(delayNotice('shipping'));
  const head = headWithPoll('Shipments', 'shipping', () => again());
  if (shipments.length === 0)
    return {
      title: 'Shipments',
      content: [head, delay, empty('No shipments', 'They appear here when orders are placed.')],
    };
  const body = table(
    'Shipments, newest order first',
    ['Order', 'Recipient', 'Address', 'Status', 'Weight'],
    shipments.map(row),
  );
  const more = moreButton(body, { path, list: 'shipments', row, next });
  return { title: 'Shipments', content: [head, delay, body, more] };
}

/** @param {any} shipment */
function row({ orderId, number, recipient, deliveryAddress, status, weightGrams }) {
  return element(
    'tr',
    {},
    element('th', { scope: 'row' }, element('a', { href: `#/${orderId}` }, `Order ${number}`)),
    element('td', {}, `${recipient.firstname} ${recipient.name}`),
    element('td', { class: 'wide' }, addressText(deliveryAddress)),
    element('td', {}, statusMark(status)),
    element('td', { class: 'number' }, formatWeight(weightGrams)),
  );
}

/** @param {string} orderId */
async function showShipment(orderId) {
  const shipment = await request('GET', `${path}/${encodeURIComponent(orderId)}`);
  const { number, recipient, deliveryAddress, status, updated, packages, weightGrams } = shipment;
  const title = `Shipment of order ${number}`;
  const rows = packages.map((/** @type {any} */ { count, name, weightGrams, size }) =>
    element(
      'tr',
      {},
      element('th', { scope: 'row' }, `${count} × ${name}`),
      element('td', {}, `${size.widthMm} × ${size.heightMm} × ${size.depthMm} mm`),
      element('td', { class: 'number' }, formatWeight(count * weightGrams)),
    ),
  );
  const content = [
    element('div', { class: 'head' }, element('h1', {}, title), statusMark(status)),
    facts([
      ['Recipient', `${recipient.firstname} ${recipient.name}`],
      ['Address', addressText(deliveryAddress)],
      ['Weight', formatWeight(weightGrams)],
      ['As of', formatMoment(updated)],
    ]),
    table('What is in it', ['Item', 'Size', 'Weight'], rows),
    element('p', {}, element('a', { href: '#/' }, 'All shipments')),
  ];
  return { title, content };
}
