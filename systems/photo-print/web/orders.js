/** @typedef {'placed' | 'paid' | 'printing' | 'printed' | 'despatched' | 'payment-declined' | 'cancelled'} Status */
/** @typedef {import('./format.js').Money} Money */
/**
 * @typedef {object} Order
 * @property {string} orderId
 * @property {Status} status
 * @property {Partial<Record<Status, string>>} times
 * @property {string} photoId
 * @property {string} product
 * @property {string} size
 * @property {number} quantity
 * @property {import('./components/address-fields.js').Recipient} shipTo
 * @property {{ unitPrice: Money, postage: Money, total: Money, refunded?: Money }} amounts
 * @property {string} [declineReason]
 * @property {string} [trackingNumber]
 */

/** The way of an order that goes well. @type {readonly Status[]} */
export const steps = ['placed', 'paid', 'printing', 'printed', 'despatched'];

/** @type {Record<Status, { name: string, meaning: string }>} */
const words = {
  placed: { name: 'Placed', meaning: 'We have your order and are asking for the payment.' },
  paid: { name: 'Paid', meaning: 'The payment has arrived; your print is next.' },
  printing: { name: 'Printing', meaning: 'Your photo is on the press.' },
  printed: { name: 'Printed', meaning: 'It is printed and is being packed.' },
  despatched: { name: 'On its way', meaning: 'Your parcel has left us.' },
  'payment-declined': { name: 'Payment declined', meaning: 'Nothing was charged and nothing is printed.' },
  cancelled: { name: 'Cancelled', meaning: 'This order is cancelled and will not be printed.' },
};

/** @param {Status} status */
export function statusWords(status) {
  return words[status] ?? { name: status, meaning: '' };
}

/** True if nothing more will happen to the order. @param {Order} order */
export function isFinal({ status }) {
  return status === 'despatched' || status === 'payment-declined' || status === 'cancelled';
}

/** @param {Order} order */
export function isCancellable({ status }) {
  return status === 'placed' || status === 'paid';
}

/** True if the money of a cancelled order is still on its way back. @param {Order} order */
export function awaitsRefund({ status, times, amounts }) {
  return status === 'cancelled' && times.paid !== undefined && amounts.refunded === undefined;
}
