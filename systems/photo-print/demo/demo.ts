import { parseArgs } from 'node:util';
import { createRandom } from '../pictures/random.ts';
import { createApiClient } from './api-client.ts';
import { type Journey, visit } from './customer.ts';
import { createProgress, printSummary } from './report.ts';

const usage = `npm run demo -- [--customers 20] [--at-once 4] [--url http://127.0.0.1:PORT] [--seed words]

Sends made-up customers through the running system: sign up, upload, order, pay, follow to the parcel.`;

const { values } = parseArgs({
  options: {
    customers: { type: 'string', default: '20' },
    'at-once': { type: 'string', default: '4' },
    url: { type: 'string', default: `http://127.0.0.1:${process.env['PORT'] || 8080}` },
    seed: { type: 'string', default: new Date().toISOString() },
    help: { type: 'boolean', default: false },
  },
});

if (values.help) console.log(usage);
else process.exitCode = await run();

async function run(): Promise<number> {
  const customers = Number(values.customers);
  const atOnce = Number(values['at-once']);
  if (!(Number.isInteger(customers) && customers > 0 && Number.isInteger(atOnce) && atOnce > 0)) {
    console.error(usage);
    return 2;
  }
  if (!(await isReady(values.url))) {
    console.error(`Nothing answers at ${values.url}. Start the system with: npm start`);
    return 1;
  }
  console.log(`${customers} customers, ${atOnce} at a time, seed '${values.seed}'`);
  const progress = createProgress(customers);
  const api = createApiClient(values.url);
  const journeys: Journey[] = [];
  let next = 0;
  const worker = async () => {
    while (next < customers) {
      const number = next;
      next += 1;
      const random = createRandom(`${values.seed} ${number}`);
      const onStep = (step: string) => progress.step(number, step);
      const journey = await visit(api, { random, onStep, maxWaitMs: 120_000 });
      journeys.push(journey);
      progress.done(number, journey.outcome);
    }
  };
  const startedAtMs = performance.now();
  await Promise.all(Array.from({ length: Math.min(atOnce, customers) }, worker));
  progress.end();
  return printSummary(journeys, performance.now() - startedAtMs);
}

async function isReady(url: string): Promise<boolean> {
  try {
    return (await fetch(new URL('/health/ready', url))).ok;
  } catch {
    return false;
  }
}
