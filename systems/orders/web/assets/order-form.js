import { request } from './api.js';
import { element, field } from './dom.js';
import { formatMoney } from './format.js';
import { announce, run } from './view.js';

/** The form for a new order. The draft lives in this page; the service adds lines to it and prices them. */
export async function newOrder() {
  const [{ customers }, { items }, first] = await Promise.all([
    request('GET', '/order/customers'),
    request('GET', '/order/items'),
    request('POST', '/order/line', {}),
  ]);
  const customer = element('select', { name: 'customer', required: true }, customers.map(customerOption));
  const shipping = addressFields('Delivery');
  const billing = addressFields('Invoice');
  const same = element('input', { type: 'checkbox', checked: true });
  // Disabled as well as hidden: a field that nobody sees must not hold up the form.
  const showBilling = (/** @type {boolean} */ isShown) => {
    billing.fieldset.hidden = !isShown;
    billing.fieldset.disabled = !isShown;
  };
  showBilling(false);
  same.addEventListener('change', () => {
    showBilling(!same.checked);
    if (!same.checked && billing.isEmpty()) billing.fill(shipping.read());
  });
  const propose = () => {
    const chosen = customers.find((/** @type {any} */ { customerId }) => customerId === customer.value);
    if (chosen !== undefined) shipping.fill(chosen.address);
  };
  customer.addEventListener('change', propose);
  propose();
  const lines = lineFields(items, first);
  const save = element('button', { class: 'button main', type: 'submit' }, 'Save the order');
  const newKey = () => crypto.getRandomValues(new Uint32Array(4)).join('-');
  // One name for this order, however often the button is pressed or the network fails.
  let key = newKey();
  const form = element(
    'form',
    { novalidate: true },
    element('div', { class: 'card' }, field('Customer', customer)),
    element(
      'div',
      { class: 'card' },
      shipping.fieldset,
      element('label', { class: 'check' }, same, 'The invoice goes there too'),
      billing.fieldset,
    ),
    lines.card,
    element('div', { class: 'actions' }, save, element('a', { class: 'button', href: '#/' }, 'Back')),
  );
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    void run(save, async () => {
      const orderLine = lines.read();
      if (orderLine.length === 0) throw new Error('Add at least one line.');
      if (!form.checkValidity()) {
        form.reportValidity();
        throw new Error('Some of what you entered needs another look.');
      }
      const shippingAddress = shipping.read();
      const billingAddress = same.checked ? shippingAddress : billing.read();
      const wanted = { customerId: customer.value, shippingAddress, billingAddress, orderLine };
      const order = await request('POST', '/order', wanted, { 'idempotency-key': key }).catch((error) => {
        // An earlier attempt was saved after all, and the form has changed since: what it says now is another order.
        if (error.reason === 'idempotencyKeyReused') key = newKey();
        throw error;
      });
      announce(`Order ${order.number} is saved.`);
      location.hash = `#/${order.id}`;
    });
  });
  return { title: 'New order', content: [element('h1', {}, 'New order'), form] };
}

/** @param {any} customer */
function customerOption({ customerId, firstname, name }) {
  return element('option', { value: customerId }, `${firstname} ${name}`);
}

/** @param {string} what */
function addressFields(what) {
  const input = (
    /** @type {string} */ name,
    /** @type {string} */ autocomplete,
    /** @type {number} */ maxlength,
  ) => element('input', { name, autocomplete, maxlength, required: true });
  const street = input('street', 'off', 120);
  const zip = input('zip', 'off', 16);
  const city = input('city', 'off', 80);
  const inputs = [street, zip, city];
  const fieldset = element(
    'fieldset',
    {},
    element('legend', {}, `${what} address`),
    field('Street and number', street),
    element('div', { class: 'two' }, field('Postal code', zip), field('City', city)),
  );
  return {
    fieldset,
    isEmpty: () => inputs.every(({ value }) => value === ''),
    read: () => ({ street: street.value, zip: zip.value, city: city.value }),
    /** @param {{ street: string, zip: string, city: string }} address */
    fill(address) {
      street.value = address.street;
      zip.value = address.zip;
      city.value = address.city;
    },
  };
}

/** @param {readonly any[]} items @param {any} draft */
function lineFields(items, draft) {
  const body = element('div', { class: 'lines' });
  const total = element('output', {});
  /** @type {{ row: HTMLElement, read: () => { itemId: string, count: number } }[]} */
  let lines = [];

  const update = () => {
    const amount = lines.reduce((sum, line) => {
      const { itemId, count } = line.read();
      return sum + count * (items.find((item) => item.itemId === itemId)?.price.amount ?? 0);
    }, 0);
    total.textContent = formatMoney({ amount, currency: items[0]?.price.currency ?? 'EUR' });
  };
  const show = (/** @type {any} */ { orderLine }) => {
    lines = orderLine.map((/** @type {any} */ line, /** @type {number} */ index) => createLine(line, index));
    body.replaceChildren(...lines.map(({ row }) => row));
    update();
  };
  const createLine = (/** @type {any} */ { count, item }, /** @type {number} */ index) => {
    const choice = element(
      'select',
      {},
      items.map(({ itemId, name, price }) =>
        element(
          'option',
          { value: itemId, selected: itemId === item.itemId },
          `${name}, ${formatMoney(price)}`,
        ),
      ),
    );
    const number = element('input', {
      type: 'number',
      min: 1,
      max: 1000,
      step: 1,
      required: true,
      inputmode: 'numeric',
      value: String(count),
    });
    const remove = element(
      'button',
      { class: 'button', type: 'button', 'aria-label': `Remove line ${index + 1}` },
      '✕',
    );
    const sum = element('output', {});
    const row = element(
      'div',
      { class: 'line', role: 'group', 'aria-label': `Line ${index + 1}` },
      field('Item', choice),
      field('Count', number),
      sum,
      remove,
    );
    const read = () => ({ itemId: choice.value, count: Math.trunc(Number(number.value)) });
    const showSum = () => {
      const price = items.find(({ itemId }) => itemId === choice.value)?.price;
      if (price !== undefined)
        sum.textContent = formatMoney({ ...price, amount: price.amount * read().count });
    };
    row.addEventListener('input', () => {
      showSum();
      update();
    });
    remove.addEventListener('click', () => {
      lines = lines.filter((line) => line.row !== row);
      row.remove();
      update();
      announce('The line is removed.');
      add.focus();
    });
    showSum();
    return { row, read };
  };
  const add = element('button', { class: 'button', type: 'button' }, 'Add a line');
  add.addEventListener('click', () =>
    run(add, async () => {
      const orderLine = lines.map(({ read }) => read());
      show(await request('POST', '/order/line', { orderLine }));
      body.querySelector('.line:last-child select')?.scrollIntoView({ block: 'nearest' });
      /** @type {HTMLElement | null} */ (body.querySelector('.line:last-child select'))?.focus();
    }),
  );
  show(draft);
  const card = element(
    'fieldset',
    { class: 'card' },
    element('legend', { class: 'visually-hidden' }, 'Lines'),
    element('h2', {}, 'Lines'),
    body,
    element('div', { class: 'actions' }, add),
    element('p', { class: 'total' }, element('span', {}, 'Total'), total),
  );
  return { card, read: () => lines.map(({ read }) => read()) };
}
