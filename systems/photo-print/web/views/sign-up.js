import { createAddressFields } from '../components/address-fields.js';
import { createField } from '../components/field.js';
import { createForm } from '../components/form.js';
import { viewHead } from '../components/view-head.js';
import { element } from '../dom.js';
import { randomKey } from '../random-key.js';
import { linkTo } from '../router.js';
import { nextOf } from './sign-in.js';

/** @type {import('../app.js').MakeView} */
export function signUpView(app, { query }, signal) {
  const next = nextOf(query);
  const { fields, content, read } = signUpFields();
  const idempotencyKey = randomKey();
  const { form } = createForm({
    ...{ fields, content, signal },
    submit: 'Create my account',
    async onSubmit() {
      const account = read();
      const { loginId, password } = account;
      await app.api.post('/accounts', { json: account, signal, idempotencyKey, anonymous: true });
      const json = { loginId, password };
      const answer = await app.api.post('/sessions', { json, signal, anonymous: true, repeatable: true });
      app.session.begin({ ...answer, loginId });
      app.replace(`#${next}`);
    },
  });
  return {
    title: 'Create an account',
    content: element(
      'div',
      { class: 'narrow' },
      viewHead('Create an account', {
        back: { link: linkTo('/'), text: 'Start' },
        lead: 'Once, so that we know where your prints should go.',
      }),
      form,
      element(
        'p',
        { class: 'form-foot soft' },
        'Already have one? ',
        element('a', { href: linkTo('/sign-in', { next }) }, 'Sign in'),
        '.',
      ),
    ),
  };
}

function signUpFields() {
  const name = createField({
    label: 'Name',
    pointer: '/name',
    input: { autocomplete: 'name', maxlength: 120 },
  });
  const email = createField({
    label: 'E-mail address',
    pointer: '/email',
    hint: 'You sign in with it.',
    input: { type: 'email', autocomplete: 'username', maxlength: 128 },
  });
  const password = createField({
    label: 'Password',
    pointer: '/password',
    hint: 'At least 8 characters; a few words are easy to remember.',
    input: { type: 'password', autocomplete: 'new-password', minlength: 8, maxlength: 200 },
  });
  const phone = createField({
    label: 'Phone',
    pointer: '/phone',
    hint: 'For the carrier, if nobody is at home.',
    input: {
      type: 'tel',
      autocomplete: 'tel',
      maxlength: 30,
      pattern: '\\+?[0-9][0-9 \\(\\).\\/\\-]{4,28}[0-9]',
    },
  });
  const address = createAddressFields({ pointer: '/address', section: 'home' });
  return {
    fields: [name, email, password, phone, ...address.fields],
    content: [
      element('fieldset', {}, element('legend', {}, 'You'), name.element, email.element, password.element),
      element('fieldset', {}, element('legend', {}, 'Your address'), ...address.elements, phone.element),
    ],
    read: () => ({
      loginId: email.value,
      password: password.value,
      name: name.value,
      email: email.value,
      phone: phone.value,
      address: address.value,
    }),
  };
}
