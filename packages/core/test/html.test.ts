import assert from 'node:assert/strict';
import { test } from 'node:test';
import { html } from '@banyan/core';

test('texts are escaped, in content and in attributes, and numbers stand as they are', () => {
  const text = `<b title='a' & "b">`;
  assert.equal(
    html`<p title="${text}">${text} ${3}</p>`.markup,
    '<p title="&lt;b title=&#39;a&#39; &amp; &quot;b&quot;&gt;">&lt;b title=&#39;a&#39; &amp; &quot;b&quot;&gt; 3</p>',
  );
});

test('templates within a template are escaped once, lists of them joined, and undefined is nothing', () => {
  const items = ['<1>', '<2>'].map((text) => html`<li>${text}</li>`);
  assert.equal(
    html`<ul class="a">${items}${undefined}</ul>${html`<hr>`}${[]}`.markup,
    '<ul class="a"><li>&lt;1&gt;</li><li>&lt;2&gt;</li></ul><hr>',
  );
});
