import { type Html, html } from '@banyan/core';
import type { SecondFactorMethod } from '../../vocabulary.ts';
import { type Notice, type Page, renderNotice } from './page.ts';

export interface Asking {
  /** Path of the interaction; forms go to paths below it. */
  readonly path: string;
  readonly clientName: string;
  /** The client's redirect. */
  readonly leadsTo: string | undefined;
  readonly notice: Notice | undefined;
}

export function passwordPage({ path, clientName, leadsTo, notice }: Asking): Page {
  return {
    title: 'Sign in',
    leadsTo,
    content: html`<p class="soft">to go on to ${clientName}</p>
${renderNotice(notice)}
<form method="post" action="${path}/password">
<label for="login-id">Login id</label>
<input type="text" id="login-id" name="login_id" autocomplete="username" autocapitalize="none" spellcheck="false" maxlength="256" required>
<label for="password">Password</label>
<input type="password" id="password" name="password" autocomplete="current-password" maxlength="4000" required>
<button type="submit">Sign in</button>
</form>
${cancelForm(path)}`,
  };
}

export interface CodeAsking extends Asking {
  readonly methods: readonly SecondFactorMethod[];
  readonly phoneEnding: string | undefined;
}

const methodNames: Readonly<Record<SecondFactorMethod, string>> = {
  totp: 'From my authenticator app',
  phone: 'From a message to my phone',
  recovery: 'One of my recovery codes',
};

export function codePage({ path, leadsTo, notice, methods, phoneEnding }: CodeAsking): Page {
  const choices = methods.map(
    (method, index) =>
      html`<label class="choice"><input type="radio" name="method" value="${method}"${
        index === 0 ? html` checked` : undefined
      }> ${methodNames[method]}</label>`,
  );
  const sending = methods.includes('phone')
    ? html`<form method="post" action="${path}/message">
<button class="quiet" type="submit">Send a code to my phone${phoneEnding ? ` that ends in ${phoneEnding}` : undefined}</button>
</form>`
    : undefined;
  return {
    title: 'One more step',
    leadsTo,
    content: html`<p class="soft">The password was right. Now a code shows that it is you.</p>
${renderNotice(notice)}
<form method="post" action="${path}/code">
<fieldset>
<legend>Where is the code from?</legend>
${choices}
</fieldset>
<label for="code">Code</label>
<input type="text" id="code" name="code" autocomplete="one-time-code" autocapitalize="none" spellcheck="false" maxlength="64" required>
<button type="submit">Go on</button>
</form>
${sending}
${cancelForm(path)}`,
  };
}

export function cancelForm(path: string): Html {
  return html`<form method="post" action="${path}/cancellation">
<button class="quiet" type="submit">Cancel</button>
</form>`;
}
