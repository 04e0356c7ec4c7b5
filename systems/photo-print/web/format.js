/** @typedef {{ amount: number, currency: string }} Money in the currency's minor unit */

/** @param {Money} money */
export function formatMoney({ amount, currency }) {
  const format = new Intl.NumberFormat(undefined, { style: 'currency', currency });
  return format.format(amount / 10 ** (format.resolvedOptions().maximumFractionDigits ?? 2));
}

const wholeNumber = new Intl.NumberFormat();

/** @param {number} number */
export function formatNumber(number) {
  return wholeNumber.format(number);
}

/** @param {{ width: number, height: number }} pixels */
export function formatPixels({ width, height }) {
  return `${formatNumber(width)} × ${formatNumber(height)} pixels`;
}

const shortTime = new Intl.DateTimeFormat(undefined, {
  hour: '2-digit',
  minute: '2-digit',
  second: '2-digit',
});
const shortDay = new Intl.DateTimeFormat(undefined, { day: 'numeric', month: 'short' });
const longDay = new Intl.DateTimeFormat(undefined, { dateStyle: 'long' });

/** The time of today, or the day and the time. @param {string} timestamp RFC 3339 */
export function formatMoment(timestamp) {
  const moment = new Date(timestamp);
  const time = shortTime.format(moment);
  return moment.toDateString() === new Date().toDateString() ? time : `${shortDay.format(moment)}, ${time}`;
}

/** @param {string} timestamp RFC 3339 */
export function formatDay(timestamp) {
  return longDay.format(new Date(timestamp));
}
