import type { Alert, ErrorAppearance, News } from '@banyan/telemetry-store';

/** What a mail says. */
export interface Letter {
  readonly subject: string;
  readonly text: string;
  /** The same each time that this is sent. */
  readonly messageId: string;
  /** Of the first mail about it. */
  readonly threadId: string;
}

interface About {
  /** Of the system. */
  readonly system: string;
  readonly consoleUrl: string;
}

type Row = readonly [name: string, value: string];

const maxSubjectLength = 150;
const maxTextLength = 2_000;

export function letterOf(news: News, about: About): Letter {
  return news.kind === 'alert' ? alertLetter(news.alert, about) : errorLetter(news.error, about);
}

const urgency = { page: 'page: look now', ticket: 'ticket: look within a few days' } as const;
const burning = ', at this rate the budget is gone within days';

function alertLetter(
  { alertId, objectiveId, errorRuleId, level, startedAt, endedAt, summary }: Alert,
  { system, consoleUrl }: About,
): Letter {
  const threadId = `<${alertId}.firing@banyan.alert>`;
  const rows: readonly Row[] = [
    ['System', system],
    objectiveId === undefined ? ['Rule', errorRuleId ?? ''] : ['Objective', objectiveId],
    ['Since', startedAt],
    endedAt === undefined
      ? ['Urgency', urgency[level] + (objectiveId !== undefined && level === 'page' ? burning : '')]
      : ['Ended', endedAt],
    ['Alerts', `${consoleUrl}/objectives`],
    ['Errors', `${consoleUrl}/errors`],
    ['Traces', `${consoleUrl}/traces?errors=yes`],
  ];
  return {
    subject: subjectOf(`[${system}] ${endedAt === undefined ? level : 'ended'}: ${summary}`),
    text: textOf(endedAt === undefined ? summary : `It has ended: ${summary}`, rows),
    messageId: endedAt === undefined ? threadId : `<${alertId}.ended@banyan.alert>`,
    threadId,
  };
}

function errorLetter(error: ErrorAppearance, { system, consoleUrl }: About): Letter {
  const { key, firstKey, groupId, service, type, message, place, count, owner, isBack, traceId } = error;
  const what = `${type}: ${message}`;
  const rows: readonly Row[] = [
    ['System', system],
    ['Service', service],
    ['Place', place === '' ? 'unknown' : place],
    ['Owner', owner ?? 'nobody'],
    ['First', error.firstSeenAt],
    ['Last', error.lastSeenAt],
    ['Times', String(count)],
    ['Error', `${consoleUrl}/errors/${groupId}`],
    ...(traceId === undefined ? [] : [['Trace', `${consoleUrl}/traces/${traceId}`] as const]),
  ];
  return {
    subject: subjectOf(`[${system}] ${isBack ? 'error is back' : 'new error'} in ${service}: ${what}`),
    text: textOf(isBack ? `It was resolved, and is back: ${what}` : what, rows),
    messageId: `<${key}@banyan.error>`,
    threadId: `<${firstKey}@banyan.error>`,
  };
}

function subjectOf(text: string): string {
  return oneLine(text).slice(0, maxSubjectLength);
}

function textOf(first: string, rows: readonly Row[]): string {
  const table = rows.map(([name, value]) => `${name.padEnd(10)} ${oneLine(value)}`);
  return `${oneLine(first).slice(0, maxTextLength)}\n\n${table.join('\n')}\n`;
}

/** Names of services and operations, and what errors say, come from telemetry, which anybody may send. */
function oneLine(text: string): string {
  return text.replaceAll(/[\p{Cc}\p{Zl}\p{Zp}]+/gu, ' ').trim();
}
