/** @param {{ amount: number, currency: string }} money in the currency's minor unit */
export function formatMoney({ amount, currency }) {
  const format = new Intl.NumberFormat(undefined, { style: 'currency', currency });
  return format.format(amount / 10 ** (format.resolvedOptions().maximumFractionDigits ?? 2));
}

const clock = new Intl.DateTimeFormat(undefined, { timeStyle: 'short' });

/** @param {string} timestamp RFC 3339 */
export function formatClock(timestamp) {
  return clock.format(new Date(timestamp));
}

/** @param {readonly { quantity: number, name: string }[]} lines */
export function formatLines(lines) {
  return lines.map(({ quantity, name }) => `${quantity} × ${name}`).join(', ');
}

/** A state as people say it: AWAITING_ACCEPTANCE is “awaiting acceptance”. @param {string} state */
export function formatState(state) {
  return state.toLowerCase().replaceAll('_', ' ');
}
