import type { RpcStack } from './stack.ts';

/**
 * One side of one stack in a process of its own. `serve` answers until it is ended and prints its address; `call` connects, warms up,
 * measures for the given time and prints the figures.
 */
const [role = '', stackName = '', ...rest] = process.argv.slice(2);
const { stack } = (await import(new URL(`./${stackName}.stack.ts`, import.meta.url).href)) as {
  stack: RpcStack;
};

if (role === 'serve') {
  const address = await stack.serve();
  process.send?.({ address });
  process.on('disconnect', () => process.exit(0));
} else {
  const [address = '', concurrency = '1', durationMs = '1000'] = rest;
  const call = await stack.connect(address);
  await measure(call, Number(concurrency), Math.min(2_000, Number(durationMs) / 2));
  process.send?.(await measure(call, Number(concurrency), Number(durationMs)));
  process.exit(0);
}

async function measure(call: () => Promise<unknown>, concurrency: number, durationMs: number) {
  const latencies: number[] = [];
  const start = performance.now();
  const end = start + durationMs;
  const one = async () => {
    for (let now = performance.now(); now < end; ) {
      await call();
      const after = performance.now();
      latencies.push(after - now);
      now = after;
    }
  };
  await Promise.all(Array.from({ length: concurrency }, one));
  const seconds = (performance.now() - start) / 1000;
  latencies.sort((left, right) => left - right);
  const at = (share: number) => (latencies[Math.floor(latencies.length * share)] ?? 0) * 1000;
  return { callsPerSecond: latencies.length / seconds, p50Us: at(0.5), p99Us: at(0.99) };
}
