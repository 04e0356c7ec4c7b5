import { formatNumber, formatPixels } from './format.js';
import { Problem } from './problem.js';

/** What to do, by `reason`. @type {Record<string, string | ((details: any) => string)>} */
const byReason = {
  offline: 'There is no connection right now. Check your network, then try again.',
  wrongCredentials: 'This name and password do not belong together. Check both, then try again.',
  loginIdTaken:
    'There is an account with this e-mail address already. Sign in instead, or use another address.',
  noAccount: 'Your sign-up was never finished. Sign up again with the same e-mail address and password.',
  notAnImage: 'This file is not a photo we can read. Choose a JPEG, PNG or WebP photo.',
  unsupported_media_type: 'This kind of file cannot be printed. Choose a JPEG, PNG or WebP photo.',
  body_too_large: 'This photo is larger than 30 MB. Choose a smaller one, or save it with less quality.',
  tooManyPixels: ({ pixels, maxPixels }) =>
    `This photo has ${formatNumber(pixels)} pixels; we print up to ${formatNumber(maxPixels)}. Choose a smaller one.`,
  photoNotFound: 'This photo is not among yours. Choose another one.',
  accountNotFound: 'There is no Instagram account with this name. Check the spelling and try again.',
  unsupportedCombination: 'This product does not come in this size. Go back and choose another size.',
  tooFewPixels: ({ needed, actual }) =>
    `This size needs ${formatPixels(needed)}; your photo has ${formatPixels(actual)}. Go back and choose a smaller size.`,
  idempotencyKeyReused: 'Something changed while this was on its way. Check it, then send it again.',
  orderNotFound: 'This order is not among yours. Look for it in your orders.',
  notCancellable: ({ status }) =>
    status === 'payment-declined'
      ? 'The payment was declined, so there is nothing to cancel.'
      : 'It is too late to cancel: printing has begun.',
  notPrinted: 'The sheet is not printed yet. Try again once the order says “Printed”.',
  notDespatched: 'The label is made when the parcel leaves. Try again a little later.',
  invalid_input: 'Some of what you entered needs another look.',
  route_not_found: 'This does not exist any more. Load the page again.',
  insufficient_scope: 'This account may not do that. Sign in with a customer account.',
  signInAbandoned: 'You are signed out. Sign in to go on.',
};

/** For reasons without a sentence of their own. @type {Record<string, string>} */
const byStatus = {
  401: 'You are signed out. Sign in to go on.',
  404: 'This could not be found. Go back and try again.',
  408: 'The connection is too slow right now. Try again, maybe on another network.',
  413: 'This is larger than we can take. Choose something smaller.',
  429: 'That was a bit much at once. Wait a moment, then try again.',
  502: 'We cannot be reached for a moment. Try again shortly.',
  503: 'A part of the shop is taking a break. Try again in a moment.',
  504: 'That took too long. Try again in a moment; nothing will be ordered twice.',
};

const otherwise = 'Something went wrong on our side. Try again; if it stays that way, come back later.';

/** One sentence or two that say what to do. @param {unknown} error */
export function sentenceFor(error) {
  if (!(error instanceof Problem)) return otherwise;
  const known = byReason[error.reason];
  if (typeof known === 'string') return known;
  try {
    if (known !== undefined) return known(error.details);
  } catch {
    // Details of another shape than agreed; the status still says something.
  }
  return byStatus[error.status] ?? otherwise;
}

/** The payment provider's words in ours. @type {Record<string, string>} */
const declines = {
  insufficient_funds: 'there is not enough money on it',
  unknown_token: 'the payment provider does not know it',
  unknown_card: 'the card is not registered any more',
};

/** @param {string | undefined} reason of an order whose payment was declined */
export function declineSentence(reason) {
  const why = declines[reason ?? ''];
  const said = why === undefined ? 'The payment was declined.' : `The payment was declined: ${why}.`;
  return `${said} Nothing was charged, and your photo is still here. Choose another way to pay.`;
}
