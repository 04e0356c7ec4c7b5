import type { RunningSystem } from '../../test/support/running-system.ts';
import type { Walk } from './walk.ts';

async function send(
  { url }: RunningSystem,
  path: string,
  body?: unknown,
): Promise<Readonly<Record<string, unknown>>> {
  const answer = await fetch(`${url}${path}`, {
    method: body === undefined ? 'GET' : 'POST',
    headers: { 'content-type': 'application/json' },
    ...(body === undefined ? undefined : { body: JSON.stringify(body) }),
  });
  if (!answer.ok) throw new Error(`${path}: ${answer.status} ${await answer.text()}`);
  return (await answer.json()) as Readonly<Record<string, unknown>>;
}

/** The release of the tutorial, which does not know that postcodes have letters. */
export const buggyInvoicing = {
  file: 'invoicing/read-order.ts',
  before: '  return {\n    ...{ orderId',
  after:
    // biome-ignore lint/suspicious/noTemplateCurlyInString: it is source.
    '  if (!/^\\d{5}$/.test(billingAddress.zip)) throw new Error(`no postcode: ${billingAddress.zip}`);\n  return {\n    ...{ orderId',
} as const;

/** An order from London is poison for the invoices; it is found, repaired and delivered again. */
export const showPoison: Walk = async (system, { open, keep }) => {
  const { customers } = (await send(system, '/order/customers')) as { customers: { customerId: string }[] };
  const { items } = (await send(system, '/order/items')) as { items: { itemId: string }[] };
  const placeOrder = (zip: string, city: string) => {
    const address = { street: '1 Baker Street', zip, city };
    return send(system, '/order', {
      customerId: customers[0]?.customerId,
      shippingAddress: address,
      billingAddress: address,
      orderLine: [{ itemId: items[0]?.itemId, count: 1 }],
    });
  };
  await placeOrder('40789', 'Monheim');
  await placeOrder('NW1 6XE', 'London');

  const page = await open('light', '/messages');
  const letter = page.getByRole('link', { name: 'order.accepted for invoicing' });
  // Eight tries, with longer and longer pauses.
  await letter.waitFor({ timeout: 180_000 });
  await keep(page, 'console-messages');
  await letter.click();
  await page.getByText('no postcode: NW1 6XE').first().waitFor();
  await keep(page, 'console-dead-letter');

  await page.getByRole('button', { name: 'Edit and retry' }).click();
  const dialog = page.getByRole('dialog');
  const data = dialog.getByLabel('Data, as JSON');
  await data.fill((await data.inputValue()).replaceAll('NW1 6XE', '00000'));
  await dialog.getByRole('button', { name: 'Retry with this' }).click();
  await page.getByText('Delivered again, with the new data.').waitFor();
  await page.getByRole('link', { name: 'Audit' }).click();
  await page.getByRole('row').filter({ hasText: 'events.edit' }).waitFor();
  await keep(page, 'console-audit');
};

/** A call and a message ask the same; their traces stand beside each other. */
export const showTwoWays: Walk = async (system, { open, keep }) => {
  await send(system, '/direct-searches', { words: 'deed' });
  await send(system, '/brokered-searches', { words: 'deed' });
  const page = await open('dark', '/traces?text=searches');
  const rowOf = (operation: string) => page.getByRole('row').filter({ hasText: operation });
  await rowOf('POST /brokered-searches').first().waitFor();
  await rowOf('POST /direct-searches').getByRole('button', { name: 'Compare' }).click();
  await rowOf('POST /brokered-searches').getByRole('button', { name: 'with this' }).click();
  await page
    .getByRole('cell', { name: /archive/ })
    .first()
    .waitFor();
  await keep(page, 'console-comparison');
};

/** An operation is tried through the gateway. */
export const showTryOut: Walk = async (_, { open, keep }) => {
  const page = await open('light', '/contracts/books?operation=listBooks');
  await page.getByRole('button', { name: 'Send' }).click();
  await page.getByRole('link', { name: 'Its trace' }).scrollIntoViewIfNeeded();
  await keep(page, 'console-try-out');
};

/** A transfer from an account that has nothing goes back. */
export const showTransfer: Walk = async (system, { open, keep }) => {
  await send(system, '/transfers', { transferId: 'rent', from: 'ada', to: 'ben', cents: 90_000 });
  const page = await open('dark', '/sagas');
  const row = page.getByRole('row').filter({ hasText: 'transferMoney' }).filter({ hasText: 'compensated' });
  await row.first().waitFor();
  await row.getByRole('link').first().click();
  await page.getByText('insufficientFunds').first().waitFor();
  await keep(page, 'console-transfer');
};
