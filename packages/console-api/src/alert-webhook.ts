import type { AlertNotifier } from './alert-teller.ts';

/** Posts each alert as JSON: `{ kind: 'banyan.alert', state: 'firing' | 'ended', alert }`. */
export function createWebhookNotifier(url: string): AlertNotifier {
  return {
    async notify(alert, signal) {
      const state = alert.endedAt === undefined ? 'firing' : 'ended';
      const answer = await fetch(url, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ kind: 'banyan.alert', state, alert }),
        signal,
      });
      await answer.body?.cancel();
      if (!answer.ok) throw new Error(`the webhook answered ${answer.status}`);
    },
  };
}
