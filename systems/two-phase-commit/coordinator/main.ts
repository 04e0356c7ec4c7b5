import { setInterval } from 'node:timers';
import { createBankCoordinator, openBanks, transferOf } from './banks.ts';

// A coordinator as a program of its own: `node main.ts NORTH SOUTH LOG STEP` does one transfer of 1,000 cents and stops at the step, to be killed there.
const [north = '', south = '', log = '', stopAt = ''] = process.argv.slice(2);
const coordinator = createBankCoordinator(openBanks({ north, south, log }), {
  async onStep(step) {
    if (step !== stopAt) return;
    process.stdout.write(`${step}\n`);
    await new Promise(() => setInterval(() => {}, 60_000));
  },
});
await coordinator.start();
await coordinator.run('killed', transferOf(1_000));
