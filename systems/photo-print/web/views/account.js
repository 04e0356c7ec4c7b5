import { addressLines } from '../components/address-fields.js';
import { createField } from '../components/field.js';
import { createForm } from '../components/form.js';
import { loaded } from '../components/loaded.js';
import { cardLabel } from '../components/payment-choice.js';
import { viewHead } from '../components/view-head.js';
import { element, icon } from '../dom.js';
import { paymentTokens } from '../payment-tokens.js';

/** @type {import('../app.js').MakeView} */
export function accountView(app, _place, signal) {
  return {
    title: 'Your account',
    content: element(
      'div',
      { class: 'narrow stack account' },
      viewHead('Your account'),
      loaded({ signal, load: () => app.api.get('/accounts/me', { signal }), show: profile }),
      element(
        'section',
        { class: 'stack', 'aria-labelledby': 'cards' },
        element('h2', { id: 'cards' }, 'Cards'),
        loaded({
          signal,
          load: () => app.api.get('/cards', { signal }),
          show: ({ cards }) => cardSection(app, cards, signal),
        }),
      ),
      element(
        'button',
        { type: 'button', class: 'button', 'data-kind': 'quiet', onclick: () => app.session.end() },
        'Sign out',
      ),
    ),
  };
}

/** @param {{ name: string, email: string, phone: string, address: import('../components/address-fields.js').Address }} account */
function profile({ name, email, phone, address }) {
  return element(
    'div',
    { class: 'card stack-tight' },
    addressLines({ name, ...address }),
    element('p', { class: 'soft small' }, email),
    element('p', { class: 'soft small' }, phone),
  );
}

/** @param {import('../app.js').App} app @param {import('../components/payment-choice.js').Card[]} cards @param {AbortSignal} signal */
function cardSection(app, cards, signal) {
  const list = element('ul', { class: 'card-list' });
  const none = element('p', { class: 'soft' }, 'None yet. You can also add one while ordering.');
  /** @param {import('../components/payment-choice.js').Card} card */
  const add = ({ label }) => {
    none.hidden = true;
    list.append(element('li', {}, icon('card'), label));
  };
  cards.forEach(add);
  const behaviour = createField({
    label: 'Add a test card that …',
    hint: 'No real money moves here: a stand-in plays the payment provider.',
    choices: paymentTokens.map(({ token, label }) => ({ value: token, text: label })),
  });
  const { form } = createForm({
    fields: [behaviour],
    content: [behaviour.element],
    submit: 'Add the card',
    signal,
    async onSubmit() {
      const json = { token: behaviour.value, label: cardLabel(behaviour.value) };
      add(await app.api.post('/cards', { json, signal }));
      app.announce('The card is added.');
    },
  });
  return element('div', { class: 'stack' }, none, list, form);
}
