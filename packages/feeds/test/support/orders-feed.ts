import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { startTestSystem } from '@banyan/testing';
import { type OrdersFixture, orders, ordersSystem } from '../fixtures/orders.ts';

export async function startOrders(t: TestContext, options: OrdersFixture = {}, placement?: string[][]) {
  const running = await startTestSystem(
    t,
    ordersSystem(options),
    placement === undefined ? {} : { placement },
  );
  const client = running.client(orders, { timeoutMs: 60_000 });
  const url = `${running.publicUrl}/feed`;
  const append = (...ids: string[]) => client.append({ entries: ids.map((id) => ({ id, title: id })) });
  return { client, url, append };
}

export interface JsonPage {
  readonly updated: string;
  readonly links: Readonly<Record<string, string>>;
  readonly entries: readonly {
    readonly id: string;
    readonly sequence: number;
    readonly updated: string;
    readonly title: string;
    readonly href?: string;
    readonly content?: unknown;
  }[];
}

export async function json(url: string, accept = 'application/json'): Promise<JsonPage> {
  const response = await fetch(url, { headers: { accept } });
  assert.equal(response.status, 200);
  return (await response.json()) as JsonPage;
}

export const titlesOf = ({ entries }: JsonPage) => entries.map(({ title }) => title);
