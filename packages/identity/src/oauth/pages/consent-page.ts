import { html } from '@banyan/core';
import type { Page } from './page.ts';
import { cancelForm } from './sign-in-pages.ts';

export interface ConsentAsking {
  readonly path: string;
  readonly clientName: string;
  readonly loginId: string;
  readonly leadsTo: string | undefined;
  /** What the client would be allowed, in words. */
  readonly permissions: readonly string[];
}

export function consentPage({ path, clientName, loginId, leadsTo, permissions }: ConsentAsking): Page {
  return {
    title: `Allow ${clientName}?`,
    leadsTo,
    content: html`<p>You are signed in as <strong>${loginId}</strong>. ${clientName} asks to:</p>
<ul>
${permissions.map((text) => html`<li>${text}</li>`)}
</ul>
<p class="soft">You can take it back at any time on the page of your account.</p>
<form method="post" action="${path}/consent">
<button type="submit">Allow</button>
</form>
${cancelForm(path)}`,
  };
}
