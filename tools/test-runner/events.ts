import { AssertionError } from 'node:assert';
import { inspect } from 'node:util';

/** What the process of a test file tells the runner, one JSON object per line. */
export type TestLine =
  | { readonly kind: 'begun' | 'passed'; readonly name: string }
  /** A suite, or a test whose failure its parts have told. */
  | { readonly kind: 'ended'; readonly name: string }
  | { readonly kind: 'skipped'; readonly name: string; readonly reason: string }
  | { readonly kind: 'failed'; readonly name: string; readonly error: string };

interface NodeTestEvent {
  readonly type: string;
  readonly data: {
    readonly name: string;
    readonly nesting: number;
    readonly skip?: string | boolean;
    readonly todo?: string | boolean;
    readonly details?: { readonly type?: string; readonly error?: NodeTestFailure };
  };
}

type NodeTestFailure = Error & { readonly failureType?: string };

/** A reporter of `node --test-reporter`. */
// biome-ignore lint/style/noDefaultExport: Node asks reporters for a default export.
export default async function* writeTestLines(source: AsyncIterable<NodeTestEvent>): AsyncGenerator<string> {
  for await (const event of source) {
    const line = toLine(event);
    if (line !== undefined) yield `${JSON.stringify(line)}\n`;
  }
}

function toLine({ type, data }: NodeTestEvent): TestLine | undefined {
  const name = data.name;
  if (type === 'test:dequeue') return { kind: 'begun', name };
  if (type === 'test:pass') {
    if (data.skip !== undefined && data.skip !== false) return skipped(name, data.skip, 'no reason given');
    if (data.todo !== undefined && data.todo !== false) return skipped(name, data.todo, 'to do');
    return data.details?.type === 'suite' ? { kind: 'ended', name } : { kind: 'passed', name };
  }
  if (type === 'test:fail') {
    const failure = data.details?.error;
    // A parent fails with its children, which have said why.
    if (failure?.failureType === 'subtestsFailed') return { kind: 'ended', name };
    return { kind: 'failed', name, error: describeFailure(failure) };
  }
  return undefined;
}

function skipped(name: string, reason: string | true, otherwise: string): TestLine {
  return { kind: 'skipped', name, reason: typeof reason === 'string' && reason !== '' ? reason : otherwise };
}

function describeFailure(failure: NodeTestFailure | undefined): string {
  const cause = failure?.failureType === 'testCodeFailure' ? failure.cause : failure;
  if (cause instanceof AssertionError && cause.stack !== undefined) {
    // Its generated message shows both values; a message of the test's own hides them.
    if (cause.generatedMessage) return cause.stack;
    return `${cause.stack}\nactual: ${inspect(cause.actual, { depth: 6 })}\nexpected: ${inspect(cause.expected, { depth: 6 })}`;
  }
  return inspect(cause, { depth: 6 });
}
