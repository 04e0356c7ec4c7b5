import { randomUUID } from 'node:crypto';
import { makePicture } from '../pictures/picture.ts';
import { type ApiClient, ApiError, pause } from './api-client.ts';
import { makeUpPerson } from './people.ts';

export interface Journey {
  readonly customer: string;
  readonly bought: string;
  readonly payment: string;
  /** `despatched`, `payment-declined`, `cancelled`, or what went wrong. */
  readonly outcome: string;
  readonly trackingNumber?: string;
  readonly total: string;
  readonly durationMs: number;
}

export interface JourneyOptions {
  readonly random: () => number;
  /** Called with a few words at each step. */
  readonly onStep: (step: string) => void;
  readonly maxWaitMs: number;
}

/** What telephones and cameras make. Screenshots and saved pictures are smaller, and come in the other formats. */
const cameras = [
  { format: 'jpeg', width: 4000, height: 3000 },
  { format: 'jpeg', width: 3000, height: 4000 },
  { format: 'jpeg', width: 2400, height: 2400 },
  { format: 'jpeg', width: 3840, height: 2160 },
  { format: 'jpeg', width: 1200, height: 900 },
  // Held upright, but stored lying down.
  { format: 'jpeg', width: 4000, height: 3000, orientation: 6 },
  { format: 'png', width: 1179, height: 1440 },
  { format: 'webp', width: 1600, height: 1200 },
] as const;
/** Most people pay without trouble; the rest is why systems need care. */
const payments = [
  ...Array.from({ length: 10 }, () => 'tok_ok'),
  'tok_declined',
  'tok_declined',
  'tok_twice',
  'tok_flaky',
  'tok_fail_after_charge',
  'tok_hang',
];
const finalStatuses = ['despatched', 'payment-declined', 'cancelled'];

/** One customer from sign-up to the parcel, as they would use the page. */
export async function visit(api: ApiClient, options: JourneyOptions): Promise<Journey> {
  const { random, onStep } = options;
  const startedAtMs = performance.now();
  const person = makeUpPerson(random);
  const payment = pick(payments, random);
  const known = { customer: person.profile.name, payment };
  try {
    onStep('signs up');
    const { loginId, password } = person;
    await api.request('POST', '/accounts', {
      json: { loginId, password, ...person.profile },
      idempotencyKey: randomUUID(),
    });
    const { token } = (await api.request('POST', '/sessions', { json: { loginId, password } })).json();

    const photo = await bringPhoto(api, token, options);
    const choice = await chooseProduct(api, photo, random);
    onStep('orders');
    const order = await placeOrder(api, token, { person, payment, choice, photoId: photo.photoId }, random);
    const bought = `${choice.quantity} × ${choice.product} ${choice.size}`;
    const end = await follow(api, token, order.orderId, options);
    if (end.status === 'despatched') await fetchPapers(api, token, order.orderId);
    return {
      ...known,
      bought,
      outcome: end.status,
      ...(end.trackingNumber === undefined ? undefined : { trackingNumber: end.trackingNumber }),
      total: `${(order.amounts.total.amount / 100).toFixed(2)} ${order.amounts.total.currency}`,
      durationMs: performance.now() - startedAtMs,
    };
  } catch (error) {
    const outcome = error instanceof Error ? error.message : String(error);
    return { ...known, bought: '', outcome, total: '', durationMs: performance.now() - startedAtMs };
  }
}

interface Photo {
  readonly photoId: string;
  readonly width: number;
  readonly height: number;
}

async function bringPhoto(api: ApiClient, token: string, options: JourneyOptions): Promise<Photo> {
  const { random, onStep } = options;
  if (random() < 0.2) {
    onStep('imports from Instagram');
    const account = `demo.${Math.floor(random() * 50)}`;
    const imported = await api.request('POST', '/photo-imports', {
      token,
      json: { source: 'instagram', account },
    });
    return pick(imported.json().photos, random);
  }
  onStep('takes a photo');
  const camera = pick(cameras, random);
  const bytes = await makePicture({ seed: String(random()), ...camera });
  onStep(`uploads ${(bytes.length / 1e6).toFixed(1)} MB`);
  const photo = { contentType: `image/${camera.format}`, bytes };
  return (await api.request('POST', '/photos', { token, photo, idempotencyKey: randomUUID() })).json();
}

interface Choice {
  readonly product: string;
  readonly size: string;
  readonly quantity: number;
}

async function chooseProduct(api: ApiClient, photo: Photo, random: () => number): Promise<Choice> {
  const { products } = (await api.request('GET', '/products')).json();
  const fitting: Choice[] = [];
  for (const { product, sizes } of products) {
    for (const { size, minimumPixels } of sizes) {
      const needed = Math.max(minimumPixels.width, minimumPixels.height);
      if (Math.min(photo.width, photo.height) >= needed) fitting.push({ product, size, quantity: 1 });
    }
  }
  const smallest = { product: 'paper', size: '10x15', quantity: 1 };
  return {
    ...(fitting.length === 0 ? smallest : pick(fitting, random)),
    quantity: 1 + Math.floor(random() * 4),
  };
}

interface Purchase {
  readonly person: ReturnType<typeof makeUpPerson>;
  readonly payment: string;
  readonly choice: Choice;
  readonly photoId: string;
}

async function placeOrder(api: ApiClient, token: string, purchase: Purchase, random: () => number) {
  const { person, payment, choice, photoId } = purchase;
  const method =
    random() < 0.5
      ? { method: 'wallet', walletToken: payment }
      : {
          method: 'card',
          cardToken: (await api.request('POST', '/cards', { token, json: { token: payment } })).json()
            .cardToken,
        };
  const { name, address } = person.profile;
  const request = {
    token,
    json: { photoId, ...choice, shipTo: { name, ...address }, payment: method },
    idempotencyKey: randomUUID(),
  };
  const order = (await api.request('POST', '/print-orders', request)).json();
  if (random() < 0.2) {
    // An impatient finger presses the button twice.
    const again = (await api.request('POST', '/print-orders', request)).json();
    if (again.orderId !== order.orderId) throw new Error('Pressing twice ordered twice.');
  }
  return order;
}

async function follow(api: ApiClient, token: string, orderId: string, options: JourneyOptions) {
  const { random, onStep, maxWaitMs } = options;
  if (random() < 0.1) await cancel(api, token, orderId, onStep);
  const untilMs = performance.now() + maxWaitMs;
  let last = '';
  while (performance.now() < untilMs) {
    const order = (await api.request('GET', `/print-orders/${orderId}`, { token })).json();
    if (finalStatuses.includes(order.status)) return order;
    if (order.status !== last) onStep(`waits: ${order.status}`);
    last = order.status;
    await pause(250);
  }
  throw new Error(`still ${last} after ${maxWaitMs / 1000} s`);
}

async function cancel(api: ApiClient, token: string, orderId: string, onStep: (step: string) => void) {
  onStep('changes their mind');
  try {
    await api.request('POST', `/print-orders/${orderId}/cancellation`, { token });
  } catch (error) {
    // Too late: it is being printed already, and will arrive.
    if (!(error instanceof ApiError) || error.status !== 409) throw error;
  }
}

async function fetchPapers(api: ApiClient, token: string, orderId: string): Promise<void> {
  for (const paper of ['sheet', 'label']) {
    const { bytes } = await api.request('GET', `/print-orders/${orderId}/${paper}`, { token });
    if (bytes.toString('latin1', 0, 5) !== '%PDF-') throw new Error(`The ${paper} is no PDF.`);
  }
}

function pick<Item>(items: readonly Item[], random: () => number): Item {
  const item = items[Math.floor(random() * items.length)];
  if (item === undefined) throw new Error('There is nothing to choose from.');
  return item;
}
