/** What the development payment provider can be told to do (payment-provider/behaviour.ts). */
export const paymentTokens = [
  { token: 'tok_ok', label: 'Works', card: 'Card that works' },
  { token: 'tok_declined', label: 'Is declined: not enough money', card: 'Card without money' },
  { token: 'tok_hang', label: 'Is slow: the first attempt gets no answer', card: 'Card that is slow' },
  { token: 'tok_twice', label: 'Confirms twice, charges once', card: 'Card that confirms twice' },
  {
    token: 'tok_fail_after_charge',
    label: 'Charges, then reports an error',
    card: 'Card that fails after charging',
  },
  { token: 'tok_flaky', label: 'Is unreliable: fails now and then', card: 'Card that is unreliable' },
];
