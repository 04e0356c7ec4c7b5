/** @param {{ amount: number, currency: string }} money in the currency's minor unit */
export function formatMoney({ amount, currency }) {
  const format = new Intl.NumberFormat(undefined, { style: 'currency', currency });
  return format.format(amount / 10 ** (format.resolvedOptions().maximumFractionDigits ?? 2));
}

const moment = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'short' });

/** @param {string} timestamp RFC 3339 */
export function formatMoment(timestamp) {
  return moment.format(new Date(timestamp));
}

/** @param {number} grams */
export function formatWeight(grams) {
  return grams < 1_000 ? `${grams} g` : `${(grams / 1_000).toFixed(2)} kg`;
}

/** @param {number} ms */
export function formatDuration(ms) {
  if (ms >= 60_000) return `${(ms / 60_000).toFixed(ms % 60_000 === 0 ? 0 : 1)} min`;
  return ms < 1_000 ? `${ms} ms` : `${(ms / 1_000).toFixed(1)} s`;
}
