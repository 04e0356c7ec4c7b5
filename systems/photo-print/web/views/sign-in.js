import { createField } from '../components/field.js';
import { createForm } from '../components/form.js';
import { viewHead } from '../components/view-head.js';
import { element } from '../dom.js';
import { linkTo } from '../router.js';

/** @type {import('../app.js').MakeView} */
export function signInView(app, { query }, signal) {
  const next = nextOf(query);
  const loginId = createField({
    label: 'E-mail address',
    input: { autocomplete: 'username', autocapitalize: 'none', spellcheck: 'false', inputmode: 'email' },
  });
  const password = createField({
    label: 'Password',
    input: { type: 'password', autocomplete: 'current-password' },
  });
  const { form } = createForm({
    fields: [loginId, password],
    content: [loginId.element, password.element],
    submit: 'Sign in',
    signal,
    async onSubmit() {
      const json = { loginId: loginId.value, password: password.value };
      const answer = await app.api.post('/sessions', { json, signal, anonymous: true, repeatable: true });
      app.session.begin({ ...answer, loginId: loginId.value });
      app.replace(`#${next}`);
    },
  });
  return {
    title: 'Sign in',
    content: element(
      'div',
      { class: 'narrow' },
      viewHead('Welcome back', { back: { link: linkTo('/'), text: 'Start' } }),
      form,
      element(
        'p',
        { class: 'form-foot soft' },
        'No account yet? ',
        element('a', { href: linkTo('/sign-up', { next }) }, 'Create one'),
        '.',
      ),
    ),
  };
}

/** Where to go after signing in; only ever within this page. @param {URLSearchParams} query */
export function nextOf(query) {
  const next = query.get('next');
  return next?.startsWith('/') ? next : '/photos';
}
