import { html } from '@banyan/core';
import { type Notice, type Page, renderNotice } from './page.ts';

export interface AccountView {
  /** Of the application, in front of every path. */
  readonly base: string;
  readonly loginId: string;
  readonly notice: Notice | undefined;
  readonly programs: readonly { readonly clientId: string; readonly name: string }[];
}

export function accountPage({ base, loginId, notice, programs }: AccountView): Page {
  const list = programs.map(
    ({ clientId, name }) => html`<li><span>${name}</span>
<form method="post" action="${base}/account/withdrawals">
<input type="hidden" name="client_id" value="${clientId}">
<button class="quiet" type="submit" aria-label="Withdraw from ${name}">Withdraw</button>
</form></li>`,
  );
  return {
    title: 'Your account',
    content: html`<p>You are signed in as <strong>${loginId}</strong>.</p>
${renderNotice(notice)}
<h2>Programs that may act for you</h2>
${programs.length === 0 ? html`<p class="soft">None.</p>` : html`<ul class="programs">${list}</ul>`}
<p><a href="${base}/sign-out">Sign out</a></p>`,
  };
}

export function nobodyPage(): Page {
  return {
    title: 'Nobody is signed in',
    status: 401,
    content: html`<p>Open one of your programs and sign in there; then come back to this page.</p>`,
  };
}
