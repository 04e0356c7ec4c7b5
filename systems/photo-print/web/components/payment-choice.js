import { element } from '../dom.js';
import { paymentTokens } from '../payment-tokens.js';
import { choice } from './choice.js';
import { createField } from './field.js';

/** @typedef {{ cardToken: string, label: string, registeredAt: string }} Card */
/**
 * @typedef {object} PaymentChoice
 * @property {HTMLElement} element
 * @property {(registerCard: (card: { token: string, label: string }) => Promise<Card>) => Promise<object>} resolve the `payment`
 *   of the order; a new card is registered first
 */

/** How to pay: with a card known already, with a new one, or with the telephone's wallet. @param {readonly Card[]} cards @returns {PaymentChoice} */
export function createPaymentChoice(cards) {
  const [first] = cards;
  let chosen = first === undefined ? 'new-card' : first.cardToken;
  const behaviour = createField({
    label: 'What should the test payment do?',
    hint: 'No real money moves here: a stand-in plays the payment provider.',
    choices: paymentTokens.map(({ token, label }) => ({ value: token, text: label })),
  });
  const showBehaviour = () => {
    behaviour.element.hidden = chosen !== 'new-card' && chosen !== 'wallet';
  };
  /** @param {string} value @param {string} text @param {string} symbol @param {string} [note] */
  const option = (value, text, symbol, note) =>
    choice({
      ...{ name: 'payment', value, text, symbol, note },
      checked: value === chosen,
      onChosen: () => {
        chosen = value;
        showBehaviour();
      },
    });
  const list = element('div', { class: 'choices' });
  const fill = (known) =>
    list.replaceChildren(
      ...known.map(({ cardToken, label }) => option(cardToken, label, 'card')),
      option('new-card', 'A new card', 'card', 'We keep it for next time.'),
      option('wallet', "This phone's wallet", 'wallet'),
    );
  fill(cards);
  showBehaviour();

  return {
    element: element('fieldset', {}, element('legend', {}, 'Payment'), list, behaviour.element),
    async resolve(registerCard) {
      if (chosen === 'wallet') return { method: 'wallet', walletToken: behaviour.value };
      if (chosen !== 'new-card') return { method: 'card', cardToken: chosen };
      const token = behaviour.value;
      const card = await registerCard({ token, label: cardLabel(token) });
      // From now on it is one of the known ones: ordering again must not register it again.
      chosen = card.cardToken;
      fill([...cards, card]);
      showBehaviour();
      return { method: 'card', cardToken: card.cardToken };
    },
  };
}

/** @param {string} token */
export function cardLabel(token) {
  return paymentTokens.find((entry) => entry.token === token)?.card ?? 'Card';
}
