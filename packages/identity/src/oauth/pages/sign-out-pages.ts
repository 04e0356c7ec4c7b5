import { html } from '@banyan/core';
import type { KoaContextWithOIDC } from 'oidc-provider';
import type { Page } from './page.ts';

/** What the library keeps in the session while it asks. */
interface SignOutState {
  readonly secret?: string;
  readonly postLogoutRedirectUri?: string;
}

/** Asks; whoever is not signed in is only led on. */
export function signOutPage(ctx: KoaContextWithOIDC): Page {
  const { session, client } = ctx.oidc;
  const { secret = '', postLogoutRedirectUri } = (session?.state ?? {}) as SignOutState;
  const action = ctx.oidc.urlFor('end_session_confirm');
  const isSignedIn = session?.accountId !== undefined;
  return {
    title: isSignedIn ? 'Sign out?' : 'You are signed out',
    leadsTo: postLogoutRedirectUri,
    content: html`${
      isSignedIn
        ? html`<p>${client?.clientName === undefined ? 'You' : `${client.clientName} asks whether you`} want to sign out here. Programs that you have signed in to with it lose their access.</p>`
        : html`<p>Nobody is signed in in this browser.</p>`
    }
<form method="post" action="${action}">
<input type="hidden" name="xsrf" value="${secret}">
<button type="submit" name="logout" value="yes">${isSignedIn ? 'Sign out' : 'Go on'}</button>
</form>`,
  };
}

export function signedOutPage(): Page {
  return {
    title: 'You are signed out',
    content: html`<p>You can close this page.</p>`,
  };
}
