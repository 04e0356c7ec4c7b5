import type { News } from '@banyan/telemetry-store';
import { createTransport } from 'nodemailer';
import { type Letter, letterOf } from './alert-letter.ts';
import type { AlertNotifier } from './alert-teller.ts';

export interface MailNotifierOptions {
  /** `smtp://user:password@host:587`, where STARTTLS is used if the server has it, or `smtps://…`. */
  readonly url: string;
  readonly from: string;
  /** Errors whose owner is a mail address go there instead. */
  readonly to: readonly string[];
  /** Of the system, for the subject. */
  readonly system: string;
  /** Where the console is. */
  readonly consoleUrl: string;
}

const timeoutMs = 10_000;

/**
 * Sends each alert, and each error that has appeared, as a mail of plain text. The end of an alert, and an error that is back, are of the same thread. One that is
 * sent again has the same `Message-ID`.
 */
export function createMailNotifier({ url, from, to, ...about }: MailNotifierOptions): AlertNotifier {
  const transport = createTransport({
    url,
    connectionTimeout: timeoutMs,
    greetingTimeout: timeoutMs,
    socketTimeout: timeoutMs,
    // A server that hangs is not waited for when nobody waits for the mail any longer.
    socketCloseTimeout: 0,
  });
  return {
    async notify(news, signal) {
      const { subject, text, messageId, threadId }: Letter = letterOf(news, about);
      await transport.sendMail({
        signal,
        from,
        to: receiversOf(news, to),
        subject,
        text,
        messageId,
        ...(threadId !== messageId && { inReplyTo: threadId, references: threadId }),
        headers: { 'Auto-Submitted': 'auto-generated' },
        // What telemetry says is text, and never the name of a file or of an address to fetch.
        disableFileAccess: true,
        disableUrlAccess: true,
      });
    },
  };
}

const address = /^[^\s@<>()[\],;:"\\\p{Cc}]{1,64}@[^\s@<>()[\],;:"\\\p{Cc}]{1,255}$/u;

/** Owners are named by operators and settings, never by telemetry. */
function receiversOf(news: News, to: readonly string[]): string[] {
  const owner = news.kind === 'error' ? news.error.owner : undefined;
  return owner !== undefined && address.test(owner) ? [owner] : [...to];
}
