import { ApiError, eventually, type Session } from './api.ts';
import type { Cast, Consumer } from './cast.ts';
import { type Report, toClock, toText } from './report.ts';

const home = { street: '9 Amazing View', city: 'Oakland', postalCode: '94612' };

/** Places orders that end in every way that an order can end in. */
export async function play(cast: Cast, report: Report): Promise<void> {
  const { ada, bob, restaurant } = cast;
  report.scene('An order is approved by everybody');
  const approved = await place(cast, ada, report);
  await sees(ada, report, { orderId: approved, state: 'APPROVED', total: '61.70 EUR' });
  await showProcesses(cast, report, approved);

  report.scene('A card is declined: the ticket is taken back, the order rejected');
  const declined = await place(cast, bob, report);
  await sees(bob, report, { orderId: declined, state: 'REJECTED', total: '61.70 EUR' });
  await showProcesses(cast, report, declined);

  report.scene('An order is revised');
  const revised = await place(cast, ada, report);
  await sees(ada, report, { orderId: revised, state: 'APPROVED', total: '61.70 EUR' });
  await ada.request('POST', `/orders/${revised}/revise`, {
    quantities: [{ menuItemId: 'vindaloo', quantity: 10 }],
  });
  report.did('Ada wants 10 instead of 5');
  await sees(ada, report, { orderId: revised, state: 'APPROVED', total: '123.40 EUR' });

  report.scene('An order is cancelled');
  const cancelled = await place(cast, ada, report);
  await sees(ada, report, { orderId: cancelled, state: 'APPROVED', total: '61.70 EUR' });
  await ada.request('POST', `/orders/${cancelled}/cancel`, {});
  report.did('Ada changes her mind');
  await sees(ada, report, { orderId: cancelled, state: 'CANCELLED', total: '61.70 EUR' });

  report.scene('The restaurant accepts a ticket, and a courier is given the delivery');
  const ticketId = await accept(cast, report, approved);
  const courier = await showPlan(cast, report, approved);

  report.scene('It is too late to cancel what is being prepared');
  await restaurant.request('POST', `/tickets/${ticketId}/preparing`, {});
  report.did(`${restaurant.name} begins to prepare it`);
  await ada.request('POST', `/orders/${approved}/cancel`, {});
  report.did('Ada changes her mind');
  await sees(ada, report, { orderId: approved, state: 'APPROVED', total: '61.70 EUR' });

  report.scene('It is brought to the door');
  await bring(cast, report, { orderId: approved, ticketId, courier });

  report.scene('What Ada and Bob look back on');
  await showHistory(ada, report, 3);
  await showHistory(bob, report, 1);
}

async function place({ restaurant }: Cast, consumer: Consumer, report: Report): Promise<string> {
  const wanted = {
    restaurantId: restaurant.restaurantId,
    deliveryAddress: home,
    lineItems: [{ menuItemId: 'vindaloo', quantity: 5 }],
  };
  const order = await placeOnce(consumer, wanted);
  report.did(`${consumer.name} orders 5 × Chicken Vindaloo: ${order.state}, ${toText(order.total)}`);
  return order.orderId;
}

/** Orders keeps a copy of the restaurant, which takes a moment to get there. */
function placeOnce(consumer: Session, wanted: unknown) {
  return eventually(
    () =>
      consumer.request('POST', '/orders', wanted).catch((error: unknown) => {
        if (error instanceof ApiError && error.reason === 'unknownRestaurant') return undefined;
        throw error;
      }),
    (order) => order !== undefined,
  );
}

interface Expected {
  readonly orderId: string;
  readonly state: string;
  readonly total: string;
}

async function sees(consumer: Consumer, report: Report, { orderId, state, total }: Expected): Promise<void> {
  const order = await eventually(
    () => consumer.request('GET', `/orders/${orderId}`),
    (each) => !each.state.endsWith('_PENDING'),
  );
  const why = order.rejection === undefined ? '' : ` (${order.rejection})`;
  const isRight = order.state === state && toText(order.total) === total;
  report.saw(`${order.state}${why}, ${toText(order.total)}`, isRight);
}

async function showProcesses({ staff }: Cast, report: Report, orderId: string): Promise<void> {
  const { processes } = await eventually(
    () => staff.request('GET', `/orders/${orderId}/processes`),
    ({ processes }) => processes.every(({ status }: { status: string }) => status !== 'running'),
  );
  for (const { saga, status, failure } of processes) {
    const where = failure?.step === undefined ? '' : ` at ${failure.step}`;
    report.did(`saga ${saga}: ${status}${where}`);
  }
}

async function accept({ restaurant }: Cast, report: Report, orderId: string): Promise<string> {
  const { tickets } = await restaurant.request('GET', '/tickets');
  const { ticketId } = tickets.find((ticket: { orderId: string }) => ticket.orderId === orderId);
  const readyBy = new Date(Date.now() + 60 * 60 * 1_000).toISOString();
  await restaurant.request('POST', `/tickets/${ticketId}/accept`, { readyBy });
  report.did(`${restaurant.name} accepts; ready by ${toClock(readyBy)}`);
  return ticketId;
}

/** @returns whoever was given the delivery: of couriers from an earlier run one may have less to do */
async function showPlan({ api, staff, courier }: Cast, report: Report, orderId: string): Promise<Session> {
  const waiting = await eventually(
    () => staff.request('GET', `/deliveries/${orderId}`),
    ({ state, waitsFor }) => state === 'SCHEDULED' || waitsFor.join() === 'courier',
  );
  report.did(
    `the delivery is ${waiting.state}${waiting.state === 'PENDING' ? ': no courier takes orders' : ''}`,
  );
  await courier.request('PUT', '/courier/availability', { available: true });
  report.did('a courier comes to work');
  const { courierId } = await eventually(
    () => staff.request('GET', `/deliveries/${orderId}`),
    ({ state }) => state === 'SCHEDULED',
  );
  const theirs = await api.signIn('courier', courierId);
  const { plan } = await theirs.request('GET', '/courier/plan');
  report.saw(`the courier has a plan`, plan.length >= 2);
  report.table(
    ['at', 'what', 'where'],
    plan.map(({ at, action, address }: PlannedAction) => [
      toClock(at),
      action,
      `${address.street}, ${address.city}`,
    ]),
  );
  return theirs;
}

interface PlannedAction {
  readonly at: string;
  readonly action: string;
  readonly address: { readonly street: string; readonly city: string };
}

async function bring(
  { restaurant, courier: newcomer, ada }: Cast,
  report: Report,
  { orderId, ticketId, courier }: { orderId: string; ticketId: string; courier: Session },
): Promise<void> {
  await restaurant.request('POST', `/tickets/${ticketId}/ready`, {});
  report.did(`${restaurant.name} has it ready`);
  await eventually(
    () => courier.request('GET', `/deliveries/${orderId}`),
    ({ isReady }) => isReady,
  );
  await courier.request('POST', `/deliveries/${orderId}/pick-up`, {});
  const { state } = await courier.request('POST', `/deliveries/${orderId}/drop-off`, {});
  report.saw(`the delivery is ${state}`, state === 'DELIVERED');
  const order = await eventually(
    () => ada.request('GET', `/orders/${orderId}`),
    ({ state }) => state === 'DELIVERED',
  );
  report.saw(`the order is ${order.state}`, order.state === 'DELIVERED');
  await newcomer.request('PUT', '/courier/availability', { available: false });
}

async function showHistory(consumer: Consumer, report: Report, count: number): Promise<void> {
  const { orders } = await eventually(
    () => consumer.request('GET', '/orders?keyword=vindaloo+biryani'),
    ({ orders }) => orders.every(({ status }: { status: string }) => status !== 'APPROVAL_PENDING'),
  );
  report.saw(`${consumer.name} has ordered ${orders.length} times`, orders.length === count);
  report.table(
    ['at', 'restaurant', 'dishes', 'total', 'status'],
    orders.map(({ createdAt, restaurant, lineItems, total, status }: PastOrder) => [
      toClock(createdAt),
      restaurant,
      lineItems.map(({ name, quantity }) => `${quantity} × ${name}`).join(', '),
      toText(total),
      status,
    ]),
  );
}

interface PastOrder {
  readonly createdAt: string;
  readonly restaurant: string;
  readonly lineItems: readonly { readonly name: string; readonly quantity: number }[];
  readonly total: { readonly amount: number; readonly currency: string };
  readonly status: string;
}
