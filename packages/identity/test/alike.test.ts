import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Answer, type Identity, startIdentity, tokenIn } from './fixtures/identity.ts';

// The real cost of a hash, and no delays at random: what is left of a difference is what somebody outside could measure.
const settings = {
  harsh: false,
  environment: { PASSWORDS_MEMORY_KIB: '19456', PASSWORDS_PASSES: '2' },
};

test('an unknown login id is answered like a known one, in body, status and time', async (t) => {
  const identity = await startIdentity(t, settings);
  await assertAlike(identity, {
    ask: async (loginId) => {
      const workflowId = await identity.beginLogin();
      return () => identity.attempt(workflowId, loginId, 'a wrong password');
    },
    status: 200,
    // The fifth would have to wait.
    timesEach: 4,
  });
});

test('a reset for an unknown login id is answered like one for a known one, in body, status and time', async (t) => {
  const identity = await startIdentity(t, settings);
  await assertAlike(identity, {
    ask: async (loginId) => () => identity.send('POST', '/password-resets', { loginId }),
    // Only whoever has shown that the address is theirs gets a mail; it is written while the next answer is made.
    prepare: async (email) => {
      const token = tokenIn((await identity.messagesTo(email))[0]);
      assert.equal((await identity.send('POST', '/email-verifications', { token })).status, 200);
    },
    settle: (email, times) => identity.messagesTo(email, 1 + times),
    status: 202,
    timesEach: 2,
  });
});

interface Asking {
  /** Prepares a request, which is then sent. */
  readonly ask: (loginId: string) => Promise<() => Promise<Answer>>;
  /** Once for each account. */
  readonly prepare?: (email: string) => Promise<void>;
  /** Resolves when nothing goes on any more because the account of that address was asked about so many times. */
  readonly settle?: (email: string, times: number) => Promise<unknown>;
  readonly status: number;
  readonly timesEach: number;
}

/**
 * The lower quartiles of all times so far differ by less than a tenth, after one of eight rounds. A machine that is busy makes single answers late, seldom
 * a quarter of them early; an answer that skips a hash would be early each time.
 */
async function assertAlike(
  { register }: Identity,
  { ask, prepare, settle, status, timesEach }: Asking,
): Promise<void> {
  const seen: string[] = [];
  const times: Record<'known' | 'unknown', number[]> = { known: [], unknown: [] };
  for (let round = 0; round < 8; round += 1) {
    for (let account = 0; account < 12; account += 1) {
      const { loginId, email } = await register();
      await prepare?.(email);
      const names = { known: loginId, unknown: `no-${loginId}` };
      for (let turn = 0; turn < timesEach; turn += 1) {
        const answers: unknown[] = [];
        // Turn by turn, so that whatever else happens on the machine happens to both.
        for (const kind of turn % 2 === 0
          ? (['known', 'unknown'] as const)
          : (['unknown', 'known'] as const)) {
          const send = await ask(names[kind]);
          const startedMs = performance.now();
          const answer = await send();
          times[kind].push(performance.now() - startedMs);
          assert.equal(answer.status, status, answer.text);
          answers.push([answer.text, [...answer.headers.keys()].sort()]);
          if (kind === 'known') await settle?.(email, turn + 1);
        }
        assert.deepEqual(answers[0], answers[1]);
      }
    }
    const [unknown, known] = [lowerQuartile(times.unknown), lowerQuartile(times.known)];
    seen.push(`${unknown.toFixed(2)} / ${known.toFixed(2)} ms`);
    if (Math.abs(unknown / known - 1) < 0.1) return;
  }
  assert.fail(`unknown and known differ by more than a tenth in every round: ${seen.join(', ')}`);
}

function lowerQuartile(numbers: readonly number[]): number {
  const sorted = [...numbers].sort((one, other) => one - other);
  return sorted[Math.floor(sorted.length / 4)] ?? 0;
}
