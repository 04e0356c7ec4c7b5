import { request, signedInAs } from './api.js';
import { button, element, liveList } from './dom.js';
import { formatClock, formatState } from './format.js';

const euros = (/** @type {number} */ amount) => ({ amount, currency: 'EUR' });
const ajanta = {
  name: 'Ajanta',
  address: { street: '1888 Solano Avenue', city: 'Berkeley', postalCode: '94707' },
  menu: [
    { menuItemId: 'vindaloo', name: 'Chicken Vindaloo', price: euros(1_234) },
    { menuItemId: 'naan', name: 'Garlic Naan', price: euros(300) },
  ],
  minimumOrder: euros(1_000),
};

const hourMs = 60 * 60 * 1_000;

/** What can be done next with a ticket, by its state. @type {Record<string, readonly [text: string, path: string]>} */
const nextStep = {
  AWAITING_ACCEPTANCE: ['Accept', 'accept'],
  ACCEPTED: ['Begin to prepare', 'preparing'],
  PREPARING: ['It is ready', 'ready'],
};

/** The newest restaurant there is; undefined before the first. */
export async function findRestaurant() {
  return (await request('GET', '/restaurants?limit=1')).restaurants[0];
}

/** Opens the first restaurant, and takes its tickets from step to step. @param {HTMLElement} desk */
export function startRestaurantDesk(desk) {
  const open = button('Open a restaurant', async () => {
    await signedInAs('staff', 'page').request('POST', '/restaurants', ajanta);
  });
  desk.replaceChildren(open);
  /** @type {import('./api.js').Somebody | undefined} */
  let restaurant;
  const tickets = liveList({
    label: 'Tickets',
    empty: 'Nothing is to be cooked.',
    keyOf: ({ ticketId }) => ticketId,
    render: (ticket) => ticketItem(ticket, /** @type {import('./api.js').Somebody} */ (restaurant)),
  });
  return async () => {
    if (restaurant === undefined) {
      const found = await findRestaurant();
      if (found === undefined) return;
      restaurant = signedInAs('restaurant', found.restaurantId);
      const hadFocus = document.activeElement === open;
      const title = element('p', { tabindex: '-1' }, found.name);
      desk.replaceChildren(title, tickets.content);
      if (hadFocus) title.focus();
    }
    const known = (await restaurant.request('GET', '/tickets?limit=100')).tickets;
    tickets.show(known.toReversed());
  };
}

/** @param {any} ticket @param {import('./api.js').Somebody} restaurant */
function ticketItem({ ticketId, state, lines, readyBy }, restaurant) {
  const [text, path] = nextStep[state] ?? [];
  const go = () => {
    const promise = path === 'accept' ? { readyBy: new Date(Date.now() + hourMs).toISOString() } : {};
    return restaurant.request('POST', `/tickets/${ticketId}/${path}`, promise);
  };
  const dishes = lines.map((/** @type {any} */ { quantity, dish }) => `${quantity} × ${dish}`).join(', ');
  return element(
    'li',
    {},
    element('p', {}, element('strong', { class: `state ${state}` }, formatState(state)), ` ${dishes}`),
    readyBy && element('p', { class: 'soft' }, `Ready by ${formatClock(readyBy)}`),
    text !== undefined && element('p', { class: 'actions' }, button(text, go)),
  );
}
