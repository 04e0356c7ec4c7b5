import { parseArgs } from 'node:util';
import { createApi } from './api.ts';
import { gather } from './cast.ts';
import { createReport } from './report.ts';
import { play } from './scenes.ts';

const usage = `npm run demo:food -- [--url http://127.0.0.1:PORT]

Walks through the running system: orders that are approved, declined, revised, cancelled and delivered.`;

const { values } = parseArgs({
  options: {
    url: { type: 'string', default: `http://127.0.0.1:${process.env['PORT'] || 8080}` },
    help: { type: 'boolean', default: false },
  },
});

if (values.help) console.log(usage);
else process.exitCode = await run(values.url);

async function run(url: string): Promise<number> {
  if (!(await isReady(url))) {
    console.error(`Nothing answers at ${url}. Start the system with: npm start -- --dir systems/food-to-go`);
    return 1;
  }
  const report = createReport((line) => console.log(line));
  await play(await gather(createApi(url)), report);
  console.log(report.wrong === 0 ? '\nAll is as it should be.' : `\n${report.wrong} things are wrong.`);
  return report.wrong === 0 ? 0 : 1;
}

async function isReady(url: string): Promise<boolean> {
  try {
    return (await fetch(new URL('/health/ready', url))).ok;
  } catch {
    return false;
  }
}
