import assert from 'node:assert/strict';
import { test } from 'node:test';
import { eventually } from '@banyan/testing';
import { consoleOf, startSystem } from '../support/running-system.ts';
import { atTills, tillDirectory } from '../support/till-system.ts';

interface Setting {
  readonly name: string;
  readonly value?: string;
  readonly isSecret: boolean;
}

interface Deed {
  readonly action: string;
  readonly outcome: string;
  readonly by: string;
  readonly subject?: string;
}

/** What a page of the console would ask. */
function atConsole(url: string) {
  return async <Answer>(method: string, path: string, body?: unknown, status = 200): Promise<Answer> => {
    const response = await fetch(`${url}${path}`, {
      method,
      headers: { 'content-type': 'application/json' },
      ...(body === undefined ? undefined : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    assert.equal(response.status, status, text);
    return JSON.parse(text) as Answer;
  };
}

interface LetterList {
  readonly deadLetters: readonly { readonly id: string; readonly key: string }[];
  readonly totals: Readonly<Record<string, { readonly count: number; readonly last: string }>>;
  readonly next?: string;
}

const environment = {
  CONSOLE_PORT: '0',
  BANYAN_ALERT_WEBHOOK: 'http://127.0.0.1:9/hooks/T0/aSecretPath',
  OTEL_EXPORTER_ZIPKIN_ENDPOINT: 'http://127.0.0.1:9/spans?api_key=aSecretKey',
};

test('the console shows no secret of the configuration', async (t) => {
  const system = await startSystem(t, { directory: tillDirectory, flags: ['--calm'], environment });
  const answer = await fetch(`${consoleOf(system)}/api/configuration`);
  const text = await answer.text();
  assert.doesNotMatch(text, /aSecret/);
  const { settings } = JSON.parse(text) as { readonly settings: readonly Setting[] };
  const named = (name: string) => settings.find((each) => each.name === name);
  assert.equal(named('BANYAN_ALERT_WEBHOOK')?.isSecret, true);
  assert.equal(named('OTEL_EXPORTER_ZIPKIN_ENDPOINT')?.value, 'http://127.0.0.1:9/spans?api_key=[redacted]');
});

test('who means all dead letters gives up those that they have seen, and nothing else', async (t) => {
  const system = await startSystem(t, { directory: tillDirectory, flags: ['--calm'], environment });
  const ask = atConsole(consoleOf(system));
  const tills = atTills(system.url);
  const keysOf = ({ deadLetters }: LetterList) => deadLetters.map(({ key }) => key);
  const listOf = (count: number) =>
    eventually(
      () => ask<LetterList>('GET', '/api/dead-letters'),
      ({ deadLetters }) => deadLetters.length === count,
    );
  await tills.sell('one', [5]);
  const seen = await listOf(1);
  await tills.sell('two', [5]);
  const [, since] = keysOf(await listOf(2));

  for (const body of [{}, { id: 'x' }, { ids: ['x'], through: 'x' }, { through: 'x' }])
    for (const verb of ['discard', 'retry']) await ask('POST', `/api/dead-letters/books/${verb}`, body, 400);
  await listOf(2);
  const chosen = { through: seen.totals['books']?.last };
  assert.deepEqual(await ask('POST', '/api/dead-letters/books/discard', chosen), { count: 1 });
  assert.deepEqual(keysOf(await listOf(1)), [since]);
});

test('what is done from the console is on the audit log, and is searched before it is cut off', async (t) => {
  const system = await startSystem(t, {
    directory: tillDirectory,
    flags: ['--calm', '--split'],
    environment,
  });
  const ask = atConsole(consoleOf(system));
  const objective = { objectiveId: 'quick', service: 'sales', target: 0.9 };
  await ask('POST', '/api/control/sales', { action: 'pause' });
  await ask('POST', '/api/control/sales', { action: 'resume' });
  await ask('PUT', '/api/objectives/quick', objective);
  await ask('DELETE', '/api/objectives/quick');
  await ask('PATCH', '/api/errors/unknown', { state: 'resolved' }, 404);
  const { by } = await ask<{ by: string }>('GET', '/api/system');
  const deeds = async (query: string) =>
    (await ask<{ records: readonly Deed[] }>('GET', `/api/audit?${query}`)).records.map(
      ({ action, outcome, subject, by: who }) => [action, outcome, subject, who],
    );
  assert.deepEqual(await deeds('service=banyan'), [
    ['changeError', 'refused', 'unknown', by],
    ['removeObjective', 'done', 'quick', by],
    ['setObjective', 'done', 'quick', by],
    ['controlService', 'done', 'sales', by],
    ['controlService', 'done', 'sales', by],
  ]);

  const tills = atTills(system.url);
  await tills.sell('one', [5]);
  await tills.sell('two', [5]);
  const { deadLetters } = await eventually(
    () => ask<LetterList>('GET', '/api/dead-letters'),
    (list) => list.deadLetters.length === 2,
  );
  const [first, second] = deadLetters;
  const pageOf = (rest: string) => ask<LetterList>('GET', `/api/dead-letters?limit=1${rest}`);
  const page = await pageOf('');
  assert.deepEqual([page.deadLetters, page.totals['books']?.count], [[first], 2]);
  const lastPage = await pageOf(`&after=${encodeURIComponent(page.next ?? '')}`);
  assert.deepEqual([lastPage.deadLetters, lastPage.next], [[second], undefined]);
  await ask('GET', '/api/dead-letters?after=nowhere', undefined, 400);
  await ask('POST', '/api/dead-letters/books/discard', { ids: [first?.id] });
  await ask('POST', '/api/dead-letters/books/retry', { ids: [second?.id] });
  const discarded = [['events.discard', 'done', first?.id, by]];
  assert.deepEqual(await deeds('action=events.discard&limit=1'), discarded);
  // A minute ago, as a clock two hours ahead shows it.
  const from = new Date(Date.now() + 119 * 60_000).toISOString().replace('Z', '+02:00');
  assert.deepEqual(await deeds(`action=events.discard&from=${encodeURIComponent(from)}`), discarded);
});
