import type { Sql } from '@banyan/banyan';
import type { z } from 'zod';
import type { Customer, Item } from './contract.ts';

interface ItemRow {
  readonly itemId: string;
  readonly name: string;
  readonly amount: number;
  readonly currency: string;
  readonly weightGrams: number;
  readonly widthMm: number;
  readonly heightMm: number;
  readonly depthMm: number;
}

export interface WantedLine {
  readonly itemId: string;
  readonly count: number;
}

export async function findItems(sql: Sql): Promise<Item[]> {
  return (await sql<ItemRow>`select * from items order by item_id`).map(toItem);
}

/** The lines with their items as they are sold now, or the first item that is not for sale. */
export async function priceLines(
  sql: Sql,
  wanted: readonly WantedLine[],
): Promise<{ readonly lines: { count: number; item: Item }[] } | { readonly unknownItem: string }> {
  const items = new Map((await findItems(sql)).map((item) => [item.itemId, item]));
  const lines: { count: number; item: Item }[] = [];
  for (const { itemId, count } of wanted) {
    const item = items.get(itemId);
    if (item === undefined) return { unknownItem: itemId };
    lines.push({ count, item });
  }
  return { lines };
}

/** @returns undefined if there is no such item */
export async function changePrice(
  sql: Sql,
  { itemId, amount }: { readonly itemId: string; readonly amount: number },
): Promise<Item | undefined> {
  const [row] = await sql<ItemRow>`
    update items set amount = ${amount} where item_id = ${itemId} returning *`;
  return row && toItem(row);
}

export async function findCustomer(
  sql: Sql,
  customerId: string,
): Promise<z.infer<typeof Customer> | undefined> {
  const [customer] = await sql<z.infer<typeof Customer>>`
    select customer_id, name, firstname, email from customers where customer_id = ${customerId}`;
  return customer;
}

export async function findCustomers(sql: Sql) {
  const rows = await sql<z.infer<typeof Customer> & { street: string; zip: string; city: string }>`
    select * from customers order by customer_id`;
  return rows.map(({ street, zip, city, ...customer }) => ({ ...customer, address: { street, zip, city } }));
}

function toItem(row: ItemRow): Item {
  const { itemId, name, amount, currency, weightGrams, widthMm, heightMm, depthMm } = row;
  return {
    itemId,
    name,
    price: { amount, currency },
    weightGrams,
    size: { widthMm, heightMm, depthMm },
  };
}
