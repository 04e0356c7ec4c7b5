import { startBanks } from '../coordinator/banks.ts';
import { type Attempt, measureSaga, measureTwoPhaseCommit, patienceMs } from './measure.ts';

// `npm run demo:two-phase-commit`: what a second withdrawal meets while a transfer is under way, by two-phase commit and by a saga.
const cell = ({ isBlocked, ms }: Attempt) =>
  (isBlocked ? `blocked, gave up after ${ms.toFixed(0)} ms` : `done in ${ms.toFixed(1)} ms`).padEnd(34);

const cleanUps: (() => unknown)[] = [];
try {
  const banks = await startBanks();
  cleanUps.unshift(() => banks.stop());
  const blocking = await measureTwoPhaseCommit(banks);
  const saga = await measureSaga({
    after: (cleanUp) => void cleanUps.unshift(() => cleanUp?.({} as never, () => {})),
  });
  console.log(
    `A transfer is under way, and somebody withdraws a cent from the same account (patience ${patienceMs} ms).\n`,
  );
  console.log(`${' '.repeat(28)}${'two-phase commit'.padEnd(34)}saga`);
  console.log(`the transfer is under way   ${cell(blocking.underWay)}${cell(saga.underWay)}`);
  console.log(`its coordinator is killed   ${cell(blocking.dead)}${cell(saga.dead)}`);
  console.log(`its coordinator is back     ${cell(blocking.back)}${cell(saga.back)}`);
} finally {
  for (const cleanUp of cleanUps) await cleanUp();
}
