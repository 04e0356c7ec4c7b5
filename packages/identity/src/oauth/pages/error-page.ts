import { html } from '@banyan/core';
import type { Page } from './page.ts';

/** For whoever was sent here with a request that cannot be answered. What is wrong is the client's to know, in the protocol's own words. */
export function errorPage(out: {
  readonly error: string;
  readonly error_description?: string | undefined;
}): Page {
  const isOurs = out.error === 'server_error';
  const isOver = out.error === 'session_not_found';
  return {
    title: isOver ? 'This took too long' : 'That did not work',
    status: isOurs ? 500 : 400,
    content: html`<p>${
      isOver
        ? 'The page that you came from is no longer valid. Go back to the program that sent you here, and try again.'
        : isOurs
          ? 'Something is wrong here. Try again in a while.'
          : 'The program that sent you here asked for something that it may not have. Its makers can mend that.'
    }</p>
${isOurs || isOver ? undefined : html`<p class="soft">${out.error}${out.error_description === undefined ? undefined : `: ${out.error_description}`}</p>`}`,
  };
}

export function foreignFormPage(): Page {
  return {
    title: 'That did not work',
    status: 403,
    content: html`<p>The form came from another site.</p>`,
  };
}
