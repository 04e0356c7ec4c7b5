import type { Span } from './span.ts';

/** Runs `work` where code that knows no context finds `span`. */
export type Activate = <Result>(span: Span, work: () => Result) => Result;

/** Of the process, as `@opentelemetry/api` is. */
export let activation: Activate | undefined;

/**
 * From now on handlers run within `activate`, until the returned function is called: for a bridge to a tracing library whose active span is found through
 * `AsyncLocalStorage`, which then costs every call something. There is one at a time.
 * @throws TypeError if there is one already
 */
export function useActivation(activate: Activate): () => void {
  if (activation !== undefined)
    throw new TypeError('useActivation(): something else activates spans in this process already.');
  activation = activate;
  return () => {
    activation = undefined;
  };
}
