import { isServiceError, system } from '@banyan/banyan';
import { startTestSystem } from '@banyan/testing';
import { consumers, ordering, restaurants } from './contracts.ts';
import { createOutages, dependencies } from './outages.ts';
import { createServices } from './services.ts';

export interface MeasureOptions {
  /** Points in time at which orders are placed. */
  readonly slots: number;
  /** Share of the slots in which each dependency is down. */
  readonly down: number;
  /** An asynchronous order of each kind in every so many slots; a synchronous one in each. */
  readonly asynchronousEvery: number;
  /** Uniform in [0, 1). */
  readonly random: () => number;
}

export interface Availability {
  /** Synchronous: what the shares of the dependencies multiply to. */
  readonly computed: number;
  /** Shares of orders that were accepted. */
  readonly synchronous: number;
  readonly byMessages: number;
  readonly byCopies: number;
  /** Accepted asynchronous orders, and how many of them were settled while there were outages, and after. */
  readonly accepted: number;
  readonly settledMeanwhile: number;
  readonly settled: number;
}

const wanted = { consumerId: 'ada', item: 'curry' };

/** Places orders in all three ways while the dependencies come and go. */
export async function measureAvailability(
  t: { after(cleanUp: () => unknown): void },
  { slots, down, asynchronousEvery, random }: MeasureOptions,
): Promise<Availability> {
  const outages = createOutages(slots, down, random);
  const definition = system('availability', { services: createServices(outages) });
  const { client } = await startTestSystem(t as Parameters<typeof startTestSystem>[0], definition, {
    harsh: false,
  });
  const shop = client(ordering, { service: 'consumers' });
  const counts = () => shop.count({});
  await client(consumers, { service: 'ordering' }).register({ consumerId: wanted.consumerId });
  await client(restaurants, { service: 'ordering' }).reviseMenu({ item: wanted.item, price: 1_250 });
  await eventually(async () => {
    const { consumers, items } = await counts();
    return consumers === 1 && items === 1;
  });

  const success = { synchronous: 0, byMessages: 0, byCopies: 0 };
  let asynchronous = 0;
  for (let slot = 0; slot < slots; slot += 1) {
    outages.enter(slot);
    if (await isAccepted(shop.orderNow(wanted))) success.synchronous += 1;
    if (slot % asynchronousEvery !== 0) continue;
    asynchronous += 1;
    if (await isAccepted(shop.orderByMessages(wanted))) success.byMessages += 1;
    if (await isAccepted(shop.orderByCopies(wanted))) success.byCopies += 1;
  }
  const meanwhile = await counts();
  outages.end();
  await eventually(async () => {
    const { orders, settled } = await counts();
    return orders === settled;
  });
  const after = await counts();
  return {
    computed: (1 - down) ** dependencies.length,
    synchronous: success.synchronous / slots,
    byMessages: success.byMessages / asynchronous,
    byCopies: success.byCopies / asynchronous,
    accepted: success.byMessages + success.byCopies,
    settledMeanwhile: meanwhile.settled - success.synchronous,
    settled: after.settled - success.synchronous,
  };
}

async function isAccepted(ordering: Promise<unknown>): Promise<boolean> {
  try {
    await ordering;
    return true;
  } catch (error) {
    if (isServiceError(error) && error.code === 'unavailable') return false;
    throw error;
  }
}

async function eventually(isSo: () => Promise<boolean>): Promise<void> {
  const untilMs = Date.now() + 90_000;
  while (!(await isSo())) {
    if (Date.now() > untilMs) throw new Error('It did not settle within 90 seconds.');
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
