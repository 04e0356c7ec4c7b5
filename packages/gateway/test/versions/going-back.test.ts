import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { EdgeOptions } from '@banyan/chassis';
import { createMemoryDocumentStore } from '@banyan/config/testing';
import { createManualClock, untilPasses } from '@banyan/core/testing';
import type { TrafficAdmin } from '@banyan/gateway';
import { withinFiveSeconds } from '../support/traffic.ts';
import { fails, isBack, reason, runVersions, stuck, type VersionsOptions } from '../support/two-versions.ts';

test('while the store is away it is tried again, and done as soon as it is there', async (t) => {
  const { store, admin, url, ask, log } = await runVersions(t, fails);
  await admin.link('cameras', '2', { ...reason, watch: { back: '1', target: 0.99 } });
  store.setReachable(false);
  await ask(10);
  const message = 'requests should go back from a version that broke its promise, and cannot yet';
  await untilPasses(() => assert.ok(log.some((line) => line.message === message)));
  store.setReachable(true);
  await withinFiveSeconds('back at 1', () => isBack(admin, url));
});

test('that is said once, and requests go back as soon as something runs there', async (t) => {
  const clock = createManualClock();
  const versions = new Set(['2']);
  const isRunning: EdgeOptions['isRunning'] = async (_name, { version = '' }) => versions.has(version);
  const { admin, ask, log } = await runVersions(t, fails, { clock, isRunning });
  await admin.link('cameras', '2', { ...reason, watch: { back: '1', target: 0.99 } });
  await ask(10);
  await clock.advanceAndSettle(1_500);
  assert.equal((await admin.rules()).version, 1);
  assert.equal(log.filter(({ message }) => message === stuck).length, 1);
  versions.add('1');
  await clock.advanceAndSettle(500);
  assert.equal((await admin.rules()).rules.services['cameras']?.current, '1');
});

/** Of two who write the rules at the same moment, the operator comes first. */
function afterOperator(
  change: (operator: TrafficAdmin) => Promise<unknown>,
): NonNullable<VersionsOptions['documents']> {
  let isNext = true;
  return (documents, operator) => ({
    get: (name) => documents.get(name),
    history: (name, limit) => documents.history(name, limit),
    watch: (name) => documents.watch(name),
    close: () => documents.close(),
    async put(name, own) {
      const isFirst = isNext;
      isNext = false;
      if (isFirst) await change(operator);
      return documents.put(name, own);
    },
  });
}

test('an operator who changes the rule at the same moment is not overruled', async (t) => {
  const clock = createManualClock();
  const documents = afterOperator((operator) => operator.link('cameras', '2', reason));
  const { admin, ask, log } = await runVersions(t, fails, { clock, documents });
  await admin.link('cameras', '2', { ...reason, watch: { back: '1', target: 0.99 } });
  await ask(10);
  await clock.advanceAndSettle(2_000);
  const { rules, version } = await admin.rules();
  assert.deepEqual([rules.services['cameras'], version], [{ current: '2' }, 2]);
  assert.deepEqual(
    log.filter(({ level }) => level === 'warn'),
    [],
  );
});

test('a change of something else at the same moment stays, and requests go back all the same', async (t) => {
  const clock = createManualClock();
  const documents = afterOperator((operator) => operator.switchRoute('cameras.addCamera', 'off', reason));
  const { admin, ask } = await runVersions(t, fails, { clock, documents });
  await admin.link('cameras', '2', { ...reason, watch: { back: '1', target: 0.99 } });
  await ask(10);
  await clock.advanceAndSettle(2_000);
  const { rules, version } = await admin.rules();
  assert.deepEqual(
    [rules.services['cameras'], rules.routes, version],
    [{ current: '1' }, { 'cameras.addCamera': 'off' }, 3],
  );
});

test('of two gateways that see it at the same moment one goes back, and the other has nothing to say', async (t) => {
  const [clock, store] = [createManualClock(), createMemoryDocumentStore()];
  const first = await runVersions(t, fails, { clock, store });
  const second = await runVersions(t, fails, { clock, store });
  await first.admin.link('cameras', '2', { ...reason, watch: { back: '1', target: 0.99 } });
  await first.ask(10);
  await second.ask(10);
  await clock.advanceAndSettle(2_000);
  assert.equal((await first.admin.rules()).version, 2);
  const said = [...first.log, ...second.log].filter(({ message }) => message.includes('promise'));
  assert.deepEqual(
    said.map(({ level }) => level),
    ['error'],
  );
});

test('what a version has shown is not forgotten when the rules say something else about another thing', async (t) => {
  const clock = createManualClock();
  const { admin, ask } = await runVersions(t, fails, { clock });
  await admin.link('cameras', '2', { ...reason, watch: { back: '1', target: 0.99 } });
  // Too few to be sure, each time.
  await ask(2);
  await clock.advanceAndSettle(500);
  await admin.switchRoute('cameras.addCamera', 'off', reason);
  await ask(2);
  await clock.advanceAndSettle(500);
  assert.equal((await admin.rules()).rules.services['cameras']?.current, '1');
});
