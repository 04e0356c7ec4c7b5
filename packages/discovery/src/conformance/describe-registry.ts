import { afterEach, beforeEach, describe } from 'node:test';
import { Bench } from './bench.ts';
import type { RegistrySuiteOptions } from './harness.ts';
import { describeClosing, describeListing } from './listing-tests.ts';
import { describeLeases, describeOutages, describeSharing } from './process-tests.ts';
import { describeWatches } from './watch-tests.ts';

/** The conformance suite of {@link Registry}: call it at the top level of a test file. */
export function describeRegistry(name: string, options: RegistrySuiteOptions): void {
  describe(`registry conformance: ${name}`, () => {
    const bench = new Bench(options);
    beforeEach(() => bench.start());
    afterEach(() => bench.stop());
    describeListing(bench);
    describeWatches(bench);
    describeClosing(bench);
    if (options.features.sharedByProcesses) describeSharing(bench);
    if (options.features.leases) describeLeases(bench);
    if (options.features.outages) describeOutages(bench);
  });
}
