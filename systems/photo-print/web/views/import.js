import { createField } from '../components/field.js';
import { createForm } from '../components/form.js';
import { notice } from '../components/notice.js';
import { photoGrid } from '../components/photo-grid.js';
import { viewHead } from '../components/view-head.js';
import { element } from '../dom.js';
import { linkTo } from '../router.js';

/** Accounts that the stand-in for Instagram makes up; any other name works too. */
const suggestions = ['banyan.trees', 'north.sea', 'demo.7'];

/** @type {import('../app.js').MakeView} */
export function importView(app, _place, signal) {
  const results = element('section', { class: 'stack', 'aria-live': 'polite' });
  const account = createField({
    label: 'Instagram account',
    pointer: '/account',
    hint: 'In this test shop a stand-in plays Instagram: every account name has photos.',
    input: {
      autocomplete: 'off',
      autocapitalize: 'none',
      spellcheck: 'false',
      maxlength: 31,
      pattern: '@?[A-Za-z0-9._]{1,30}',
      title: 'Letters, digits, dots and underscores',
    },
  });
  const { form } = createForm({
    fields: [account],
    content: [
      account.element,
      element(
        'div',
        { class: 'button-row', role: 'group', 'aria-label': 'Try one of these accounts' },
        suggestions.map((name) => suggestion(name, account)),
      ),
    ],
    submit: 'Import photos',
    signal,
    async onSubmit() {
      results.replaceChildren(element('p', { class: 'loading' }, 'Copying the photos …'));
      try {
        const json = { source: 'instagram', account: account.value.replace(/^@/, '') };
        const { photos } = await app.api.post('/photo-imports', { json, signal, repeatable: true });
        photos.forEach(app.photos.remember);
        results.replaceChildren(...resultsOf(app, photos));
      } catch (error) {
        results.replaceChildren();
        throw error;
      }
    },
  });
  return {
    title: 'Import from Instagram',
    content: element(
      'div',
      { class: 'narrow stack' },
      viewHead('Import from Instagram', {
        back: { link: linkTo('/photos'), text: 'Photos' },
        lead: 'We copy the latest photos of an account to yours. Doing it again adds only what is new.',
      }),
      form,
      results,
    ),
  };
}

/** @param {string} name @param {import('../components/field.js').Field} account */
function suggestion(name, account) {
  return element(
    'button',
    {
      type: 'button',
      class: 'button',
      'data-kind': 'quiet',
      'data-size': 'small',
      onclick: () => {
        account.input.value = name;
        account.setProblem('');
      },
    },
    name,
  );
}

/** @param {import('../app.js').App} app @param {import('../photos.js').Photo[]} photos */
function resultsOf(app, photos) {
  if (photos.length === 0) return [notice('This account has no photos yet.', { tone: 'calm' })];
  return [element('h2', {}, 'Choose one to print'), photoGrid(app.images, photos).element];
}
