import type { JSX } from 'preact';
import type { PageProps } from '../../shell/pages.ts';
import { Comparison } from './comparison.tsx';
import { TraceSearch } from './trace-search.tsx';
import { TraceView } from './trace-view.tsx';

/** `/traces`, `/traces/ID` and `/traces/ID/compare/OTHER`. */
export function TracesPage({ rest }: PageProps): JSX.Element {
  const [traceId, verb, other] = rest;
  if (traceId === undefined) return <TraceSearch />;
  if (verb === 'compare' && other !== undefined) return <Comparison left={traceId} right={other} />;
  return <TraceView traceId={traceId} />;
}
