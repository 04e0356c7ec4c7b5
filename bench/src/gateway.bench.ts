import { addedTimes, halfLoadCases, ruleChangeCases } from './gateway/latency.ts';
import { largeBytes } from './gateway/native.ts';
import { startTargets, type Target } from './gateway/targets.ts';
import { load } from './gateway/wrk.ts';
import { type BenchCase, type BenchResult, interleave, ratio } from './harness.ts';

/** What a proxy on Node needs until V8 has compiled what it does; the rounds of a quick run alone would measure the compiler. */
const warmUpSeconds = 6;

/** Proxies on the first CPU, one after the other; upstream and load on the second. Each stack has the machine for its round. */
export async function run(quick: boolean): Promise<BenchResult> {
  const seconds = quick ? 1 : 4;
  const rounds = quick ? 1 : 3;
  const targets = await startTargets(largeBytes);
  for (const target of [...targets.small, targets.versions]) {
    await load(target.url, { ...target, seconds: warmUpSeconds, connections: 64 });
  }
  const rates = targets.small.map(
    (target): BenchCase => ({
      name: target.name,
      unit: 'requests/s',
      round: async () => (await load(target.url, { ...target, seconds, connections: 64 })).requestsPerSecond,
    }),
  );
  const transfers = (direction: string, large: readonly Target[]) =>
    large.map(
      (target): BenchCase => ({
        name: `${target.name}, 10 MB ${direction}`,
        unit: 'MB/s',
        round: async () =>
          ((await load(target.url, { ...target, seconds, connections: 4 })).requestsPerSecond * largeBytes) /
          1_000_000,
      }),
    );
  const measured = await interleave(
    [
      ...rates,
      ...transfers('down', targets.downloads),
      ...transfers('up', targets.uploads),
      ...(await halfLoadCases(targets, seconds)),
      // The 99th percentile of a second is that of a few slow moments, whatever the rules do.
      ...(quick ? [] : await ruleChangeCases(targets, seconds)),
    ],
    rounds,
  );
  const cases = [...measured, ...addedTimes(measured)];
  const peers = targets.small.map(({ name }) => name).filter((name) => !name.startsWith('banyan'));
  return {
    cases,
    ratios: {
      ...Object.fromEntries(
        peers.map((peer) => [`banyan, pass-through/${peer}`, ratio(cases, 'banyan, pass-through', peer)]),
      ),
      'banyan, token + rate limit + metrics + log/nginx': ratio(
        cases,
        'banyan, token + rate limit + metrics + log',
        'nginx',
      ),
      'banyan, GET of a service over the lane/nginx': ratio(
        cases,
        'banyan, GET of a service over the lane',
        'nginx',
      ),
      'banyan, to a service over the lane/nginx': ratio(cases, 'banyan, to a service over the lane', 'nginx'),
      'banyan, cache hit/nginx': ratio(cases, 'banyan, cache hit', 'nginx'),
      'banyan, 10 MB down/nginx': ratio(cases, 'banyan, pass-through, 10 MB down', 'nginx, 10 MB down'),
      'banyan, 10 MB up/nginx': ratio(cases, 'banyan, pass-through, 10 MB up', 'nginx, 10 MB up'),
      ...(quick
        ? undefined
        : {
            'p99 while rules change/at rest': ratio(
              cases,
              'p99 while rules change ten times a second',
              'p99 at rest',
            ),
          }),
      '10,000 routes/10 routes': ratio(cases, 'banyan, 10,000 routes', 'banyan, 10 routes'),
    },
    notes: [
      'Proxy on one CPU; upstream (nginx) and wrk with 64 connections on the other, which is the slower side for the fastest proxies.',
      'nginx, HAProxy and Caddy are Debian’s; those that are not installed are left out. nginx passes uploads on as they come, and puts no answers on disk.',
      'Over the lane a service checks and answers 200 bytes of JSON by POST, or gives and checks them by GET; peers and pass-through are GET of the same JSON.',
      'Half load: each connection waits by chance between an answer and its next request, so that there are at most half as many per second as pass-through took in this run (a closed loop); added is the median less that without a proxy.',
      'Rules change in the gateway’s own process, in memory: the current-version link of a service moves to its other version and back. Not in quick runs.',
      'Bars: pass-through 0.5 × nginx, over the lane 0.8 ×, with all functions 0.4 ×, 10 MB 0.7 ×; added p50 below 0.3 ms; p99 while rules change 0.91 × or more.',
    ],
  };
}
