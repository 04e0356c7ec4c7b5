import { service } from '@banyan/banyan';
import { html } from '@banyan/core';
import { messageSender } from './contract.ts';

interface Message {
  readonly recipient: string;
  readonly subject: string;
  readonly body: string;
  readonly sentAt: string;
}

const shown = 50;

/** Sends nothing: it shows what would be sent on a page. For development and tests only. */
export const developmentMessageSender = service(messageSender, {
  migrations: new URL('./migrations/', import.meta.url),
  operations: {
    async send({ messageId, to, subject, text }, { sql }) {
      const recipient = 'phone' in to ? to.phone : to.email;
      await sql`
        insert into messages (message_id, recipient, subject, body)
        values (${messageId}, ${recipient}, ${subject}, ${text}) on conflict (message_id) do nothing`;
      await sql`delete from messages where sent_at < now() - interval '1 day'`;
      return {};
    },

    async showMessages({ to }, { sql }) {
      const messages = await sql<Message>`
        select recipient, subject, body, sent_at from messages
        where ${to ?? null}::text is null or recipient = ${to ?? null}
        order by sent_at desc limit ${shown}`;
      return { contentType: 'text/html', body: Buffer.from(toPage(messages)) };
    },
  },
});

function toPage(messages: readonly Message[]): string {
  const articles = messages.map(
    ({ recipient, subject, body, sentAt }) =>
      html`<article><h2>${subject}</h2><p>To <b>${recipient}</b>, <time>${sentAt}</time></p><pre>${body}</pre></article>`,
  );
  const shownNow = articles.length > 0 ? articles : html`<p>None yet.</p>`;
  return html`<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Messages</title></head><body><main><h1>Messages</h1>${shownNow}</main></body></html>`
    .markup;
}
