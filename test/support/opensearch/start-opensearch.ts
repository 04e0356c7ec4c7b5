// Starts OpenSearch for tests and prints its URL: `node tools/bootstrap.mjs test/support/opensearch/start-opensearch.ts`.
// Runs until it is told to end (Ctrl-C or SIGTERM), and leaves nothing behind.
import { startOpenSearch, whatOpenSearchNeeds } from './opensearch.ts';

const missing = await whatOpenSearchNeeds();
if (missing === undefined) {
  const stopping = new Promise<void>((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => resolve());
  });
  const server = await startOpenSearch();
  process.stdout.write(`${server.url}\n`);
  const alive = setInterval(() => {}, 60_000);
  await stopping;
  clearInterval(alive);
  await server.stop();
} else {
  process.stderr.write(`OpenSearch ${missing}\n`);
  process.exitCode = 1;
}
