import type { Alert } from '@banyan/telemetry-store';
import { createTransport } from 'nodemailer';
import type { AlertNotifier } from './alert-teller.ts';

export interface MailNotifierOptions {
  /** `smtp://user:password@host:587`, where STARTTLS is used if the server has it, or `smtps://…`. */
  readonly url: string;
  readonly from: string;
  readonly to: readonly string[];
  /** Of the system, for the subject. */
  readonly system: string;
  /** Where the console is. */
  readonly consoleUrl: string;
}

const timeoutMs = 10_000;
const maxSubjectLength = 150;

/** Sends each alert as a mail of plain text, and its end as another one of the same thread. One that is sent again has the same `Message-ID`. */
export function createMailNotifier({ url, from, to, ...about }: MailNotifierOptions): AlertNotifier {
  const transport = createTransport({
    url,
    connectionTimeout: timeoutMs,
    greetingTimeout: timeoutMs,
    socketTimeout: timeoutMs,
  });
  return {
    async notify(alert) {
      const begun = `<${alert.alertId}.firing@banyan.alert>`;
      const hasEnded = alert.endedAt !== undefined;
      await transport.sendMail({
        from,
        to: [...to],
        subject: subjectOf(alert, about.system),
        text: textOf(alert, about),
        messageId: hasEnded ? `<${alert.alertId}.ended@banyan.alert>` : begun,
        ...(hasEnded && { inReplyTo: begun, references: begun }),
        headers: { 'Auto-Submitted': 'auto-generated' },
        // What telemetry says is text, and never the name of a file or of an address to fetch.
        disableFileAccess: true,
        disableUrlAccess: true,
      });
    },
  };
}

function subjectOf({ level, endedAt, summary }: Alert, system: string): string {
  const state = endedAt === undefined ? level : 'ended';
  return oneLine(`[${system}] ${state}: ${summary}`).slice(0, maxSubjectLength);
}

const urgency = {
  page: 'page: look now, at this rate the budget is gone within days',
  ticket: 'ticket: look within a few days',
} as const;

function textOf(
  { objectiveId, level, startedAt, endedAt, summary }: Alert,
  { system, consoleUrl }: Pick<MailNotifierOptions, 'system' | 'consoleUrl'>,
): string {
  const rows = [
    ['System', system],
    ['Objective', objectiveId],
    ['Since', startedAt],
    ...(endedAt === undefined ? [['Urgency', urgency[level]]] : [['Ended', endedAt]]),
    ['Budget', `${consoleUrl}/objectives`],
    ['Errors', `${consoleUrl}/errors`],
    ['Traces', `${consoleUrl}/traces?errors=yes`],
  ];
  const table = rows.map(([name = '', value = '']) => `${name.padEnd(10)} ${oneLine(value)}`);
  const first = endedAt === undefined ? summary : `It has ended: ${summary}`;
  return `${oneLine(first)}\n\n${table.join('\n')}\n`;
}

/** Names of services and operations come from telemetry, which anybody may send. */
function oneLine(text: string): string {
  return text.replaceAll(/[\p{Cc}\p{Zl}\p{Zp}]+/gu, ' ').trim();
}
