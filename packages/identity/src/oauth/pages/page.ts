import { type Html, html } from '@banyan/core';
import { currentRequest } from '../current-request.ts';
import type { Context } from '../http-context.ts';
import { pageStyle, pageStyleHash } from './page-style.ts';

export interface Page {
  readonly title: string;
  readonly content: Html;
  /** Default 200. */
  readonly status?: number;
  /**
   * Where answers to the page's forms may lead in the end. Browsers hold a form to its policy through every redirect, and the last one goes to
   * the client.
   */
  readonly leadsTo?: string | undefined;
}

/** What a page says to somebody about what was done before. */
export interface Notice {
  readonly text: string;
  readonly isBad: boolean;
}

/** Answers with a page that runs no script, and that no other page can frame. */
export function showPage(ctx: Pick<Context, 'status' | 'type' | 'body' | 'set'>, page: Page): void {
  ctx.status = page.status ?? 200;
  ctx.type = 'text/html; charset=utf-8';
  ctx.set('cache-control', 'no-store');
  ctx.set('content-security-policy', policyOf(page));
  ctx.body = toDocument(page).markup;
}

function policyOf({ leadsTo }: Page): string {
  const target = leadsTo === undefined ? '' : ` ${targetOf(leadsTo)}`;
  return `default-src 'none'; style-src ${pageStyleHash}; form-action 'self'${target}; base-uri 'none'; frame-ancestors 'none'`;
}

/** An origin; for the redirect of an app on the user's machine, its scheme. */
function targetOf(uri: string): string {
  const { protocol, origin } = new URL(uri);
  return protocol === 'http:' || protocol === 'https:' ? origin : protocol;
}

function toDocument({ title, content }: Page): Html {
  const { name } = currentRequest().config;
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title} · ${name}</title>
<style>${{ markup: pageStyle }}</style>
</head>
<body>
<main>
<div class="card">
<p class="system">${name}</p>
<h1>${title}</h1>
${content}
</div>
</main>
</body>
</html>`;
}

export function renderNotice(notice: Notice | undefined): Html | undefined {
  if (notice === undefined) return undefined;
  return notice.isBad
    ? html`<p class="notice bad" role="alert">${notice.text}</p>`
    : html`<p class="notice" role="status">${notice.text}</p>`;
}
