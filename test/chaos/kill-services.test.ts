import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { createDatabase, findEmbeddedServer } from '@banyan/postgres';
import { until } from '@banyan/testing';
import { type Customer, createCustomer } from '../support/customer.ts';
import { createRandom, pick, seed } from '../support/random.ts';
import { startPhotoPrint } from '../support/running-system.ts';

const kills = Number(process.env['BANYAN_KILLS'] ?? 10);
const finalStatuses = ['despatched', 'payment-declined'];
const payments = ['tok_ok', 'tok_ok', 'tok_ok', 'tok_declined', 'tok_twice', 'tok_fail_after_charge'];

/**
 * Promise 3 of the design: any process may die at any moment. Orders are placed all the time while service processes are killed; an order that
 * was accepted (202) must end despatched or declined, and be charged exactly once or not at all.
 */
test(`every accepted order ends, charged once, whichever service process is killed (${kills} kills)`, async (t) => {
  t.diagnostic(`BANYAN_SEED=${seed}`);
  const random = createRandom(seed);
  const system = await startPhotoPrint(t, { flags: ['--split'] });
  const customer = await createCustomer(system.url);
  const accepted = new Set<string>();
  let isOver = false;
  const shoppers = Array.from({ length: 2 }, async () => {
    while (!isOver) {
      await placeOrder(customer, { payment: pick(payments, random), accepted });
      await pause(100 + random() * 200);
    }
  });
  for (let count = 0; count < kills; count += 1) {
    await pause(random() * 1_200);
    // Those of before may all be on their way back.
    const victims = await until(() => {
      const running = [...system.children()].filter(([parts]) => parts !== 'gateway');
      return running.length > 0 && running;
    });
    const [parts, pid] = pick(victims, random);
    t.diagnostic(`kill ${count + 1}: ${parts}`);
    process.kill(pid, 'SIGKILL');
  }
  await until(() => accepted.size >= kills, 'enough orders are accepted', 120_000);
  isOver = true;
  await Promise.all(shoppers);
  const statuses = await untilAllEnded(customer, accepted);
  const charges = await readCharges(system.dataFolder);
  for (const orderId of accepted) {
    const captured = charges.filter((charge) => charge.reference === orderId && charge.isTaken);
    const expected = statuses.get(orderId) === 'despatched' ? 1 : 0;
    assert.equal(
      captured.length,
      expected,
      `${orderId} is ${statuses.get(orderId)} and was charged ${captured.length} times`,
    );
  }
});

/** One customer's tap: the same key is sent again until there is an answer, as the web page does. */
async function placeOrder(
  customer: Customer,
  { payment, accepted }: { readonly payment: string; readonly accepted: Set<string> },
): Promise<void> {
  const key = crypto.randomUUID();
  for (let attempt = 0; attempt < 20; attempt += 1) {
    const response = await customer.placeOrder(payment, key);
    const body = (await response.json()) as { orderId?: string; reason?: string };
    if (response.status === 202 && body.orderId !== undefined) {
      accepted.add(body.orderId);
      return;
    }
    const isPassing = response.status === 503 || response.status === 504 || response.status === 429;
    assert.ok(isPassing, `an order was answered with ${response.status} ${JSON.stringify(body)}`);
    await pause(250);
  }
}

async function untilAllEnded(
  customer: Customer,
  accepted: ReadonlySet<string>,
): Promise<ReadonlyMap<string, string>> {
  const statuses = new Map<string, string>();
  for (const endMs = Date.now() + 120_000; ; ) {
    for (const orderId of accepted) {
      if (finalStatuses.includes(statuses.get(orderId) ?? '')) continue;
      const response = await customer.fetch(`/print-orders/${orderId}`);
      if (response.ok) statuses.set(orderId, ((await response.json()) as { status: string }).status);
      else await response.body?.cancel();
    }
    const open = [...accepted].filter((orderId) => !finalStatuses.includes(statuses.get(orderId) ?? ''));
    if (open.length === 0) return statuses;
    const shown = open.slice(0, 5).map((orderId) => `${orderId} ${statuses.get(orderId)}`);
    assert.ok(Date.now() < endMs, `${open.length} orders have not ended: ${shown.join(', ')}`);
    await pause(200);
  }
}

interface LedgerEntry {
  readonly reference: string;
  readonly isTaken: boolean;
}

/** The payment provider's own books: what was really taken. */
async function readCharges(dataFolder: string): Promise<readonly LedgerEntry[]> {
  const server = await findEmbeddedServer(`${dataFolder}/postgres`);
  assert.ok(server !== undefined);
  const url = new URL(server.adminUrl);
  url.pathname = '/svc_payment_provider';
  const database = createDatabase({ url: url.href });
  try {
    return await database.sql<LedgerEntry>`
      select reference, decline_reason is null as is_taken from charges`;
  } finally {
    await database.close();
  }
}
