import type { News } from '@banyan/telemetry-store';
import type { AlertNotifier } from './alert-teller.ts';

/**
 * Posts each alert as JSON: `{ kind: 'banyan.alert', state: 'firing' | 'ended', alert }`, and errors that have appeared as
 * `{ kind: 'banyan.error', state: 'new' | 'back', error }`.
 */
export function createWebhookNotifier(url: string): AlertNotifier {
  return {
    async notify(news, signal) {
      const answer = await fetch(url, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(bodyOf(news)),
        signal,
      });
      await answer.body?.cancel();
      if (!answer.ok) throw new Error(`the webhook answered ${answer.status}`);
    },
  };
}

function bodyOf(news: News): object {
  if (news.kind === 'error')
    return { kind: 'banyan.error', state: news.error.isBack ? 'back' : 'new', error: news.error };
  return {
    kind: 'banyan.alert',
    state: news.alert.endedAt === undefined ? 'firing' : 'ended',
    alert: news.alert,
  };
}
