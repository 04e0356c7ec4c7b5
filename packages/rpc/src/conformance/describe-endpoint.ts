import { afterEach, describe } from 'node:test';
import { Bench, type EndpointSuiteOptions } from './bench.ts';
import { describeContext } from './context-tests.ts';
import { describeErrors } from './error-tests.ts';
import { describeStreams } from './stream-tests.ts';
import { describeValues } from './value-tests.ts';

/** The conformance suite of `Endpoint`: call it at the top level of a test file. */
export function describeEndpoint(name: string, options: EndpointSuiteOptions): void {
  describe(`endpoint conformance: ${name}`, () => {
    const bench = new Bench(options);
    afterEach(() => bench.close());
    describeValues(bench);
    describeErrors(bench);
    describeContext(bench);
    describeStreams(bench);
  });
}
