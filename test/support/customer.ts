import { randomUUID } from 'node:crypto';
import sharp from 'sharp';

export interface OrderView {
  readonly orderId: string;
  readonly status: string;
}

/** One customer over the public HTTP API alone. */
export interface Customer {
  placeOrder(payment: string, idempotencyKey?: string): Promise<Response>;
  order(orderId: string): Promise<OrderView & Record<string, unknown>>;
  orders(): Promise<readonly OrderView[]>;
  fetch(path: string, init?: RequestInit): Promise<Response>;
  readonly photoId: string;
  readonly token: string;
}

let photo: Promise<Buffer> | undefined;

/** A real JPEG, large enough for a mug; made once. */
export function makePhoto(): Promise<Buffer> {
  photo ??= sharp({ create: { width: 2600, height: 1300, channels: 3, background: '#4a7' } })
    .composite([
      {
        input: { create: { width: 400, height: 400, channels: 3, background: '#e52' } },
        left: 300,
        top: 200,
      },
    ])
    .jpeg()
    .toBuffer();
  return photo;
}

export const address = { street: 'Main Street 1', city: 'Vienna', postalCode: '1010', country: 'AT' };

/** Signs up, signs in and uploads a photo. */
export async function createCustomer(url: string): Promise<Customer> {
  const loginId = `c-${randomUUID().slice(0, 13)}`;
  const password = 'correct horse battery';
  await expect(
    post(`${url}/accounts`, {
      loginId,
      password,
      name: 'Ann Example',
      email: 'ann@example.org',
      phone: '+431234567',
      address,
    }),
    201,
  );
  const { token } = (await (await expect(post(`${url}/sessions`, { loginId, password }), 201)).json()) as {
    token: string;
  };
  const authorization = `Bearer ${token}`;
  const send = (path: string, init: RequestInit = {}) =>
    fetch(url + path, { ...init, headers: { authorization, ...(init.headers as Record<string, string>) } });
  const headers = { 'content-type': 'image/jpeg' };
  const uploaded = await expect(send('/photos', { method: 'POST', headers, body: await makePhoto() }), 201);
  const { photoId } = (await uploaded.json()) as { photoId: string };
  return {
    photoId,
    token,
    fetch: send,
    placeOrder: (payment, idempotencyKey = randomUUID()) =>
      send('/print-orders', {
        method: 'POST',
        headers: { 'content-type': 'application/json', 'idempotency-key': idempotencyKey },
        body: JSON.stringify({
          photoId,
          product: 'mug',
          size: 'standard',
          quantity: 1,
          shipTo: { name: 'Ann Example', ...address },
          payment: { method: 'wallet', walletToken: payment },
        }),
      }),
    order: async (orderId) => (await expect(send(`/print-orders/${orderId}`), 200)).json() as never,
    orders: async () => {
      const { orders } = (await (await expect(send('/print-orders'), 200)).json()) as { orders: OrderView[] };
      return orders;
    },
  };
}

export function post(url: string, body: unknown): Promise<Response> {
  return fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
}

export async function expect(answer: Promise<Response>, status: number): Promise<Response> {
  const response = await answer;
  if (response.status !== status) {
    throw new Error(`${response.url} answered ${response.status}, not ${status}: ${await response.text()}`);
  }
  return response;
}
