import type { Sql } from '@banyan/core';
import type { Window } from '../traffic/service-map.ts';
import { type CallChain, callChainsOf, entryKey } from './call-depth.ts';
import { searchTraces } from './search-traces.ts';
import type { TraceSummary } from './summary.ts';
import { maxSpans, readSpansOf } from './trace.ts';

export interface DeepestChain extends CallChain {
  /** Calls that wait for each other below the entry. */
  readonly depth: number;
  /** The trace that shows it. */
  readonly traceId: string;
}

export interface DeepestChains {
  readonly operations: readonly DeepestChain[];
  /** Traces that were read. */
  readonly traces: number;
  /** False if there are more traces than were read: a deeper chain may be among them. */
  readonly isWhole: boolean;
}

const mostSummaries = 1_000;
const pageSize = 200;
const mostOfOne = 10;
const mostTraces = 200;
/** Traces of one time share pages; between two reads others have their turn. */
const atOnce = 20;

/**
 * For each entry operation the deepest chain of calls that a trace of the window shows, deepest first. Of the newest 1,000 traces those with most spans are read: 10
 * of each operation that began one, and 200 in all.
 * @throws the signal's reason when it aborts
 */
export async function readDeepestChains(
  sql: Sql,
  window: Window,
  signal?: AbortSignal,
): Promise<DeepestChains> {
  const { summaries, isWhole } = await newestSummaries(sql, window, signal);
  const chosen = largestOfEach(summaries);
  const found = new Map<string, DeepestChain>();
  let isComplete = isWhole && chosen.length === summaries.length;
  for (let from = 0; from < chosen.length; from += atOnce) {
    signal?.throwIfAborted();
    const batch = chosen.slice(from, from + atOnce);
    const spansOf = await readSpansOf(
      sql,
      batch.map(({ traceId }) => traceId),
    );
    for (const { traceId, spans: count } of batch) {
      const spans = spansOf.get(traceId) ?? [];
      if (spans.length < count || spans.length > maxSpans) isComplete = false;
      for (const chain of callChainsOf(spans.slice(0, maxSpans))) {
        const key = entryKey(chain);
        const depth = chain.chain.length - 1;
        if (depth > (found.get(key)?.depth ?? -1)) found.set(key, { ...chain, depth, traceId });
      }
    }
  }
  const operations = [...found.values()].sort(
    (a, b) => b.depth - a.depth || (entryKey(a) < entryKey(b) ? -1 : 1),
  );
  return { operations, traces: chosen.length, isWhole: isComplete };
}

async function newestSummaries(sql: Sql, window: Window, signal: AbortSignal | undefined) {
  const summaries: TraceSummary[] = [];
  let after: string | undefined;
  do {
    signal?.throwIfAborted();
    const page = await searchTraces(sql, { ...window, limit: pageSize, after });
    summaries.push(...page.traces);
    after = page.next;
  } while (after !== undefined && summaries.length < mostSummaries);
  return { summaries, isWhole: after === undefined };
}

/** A deep chain has many spans. */
function largestOfEach(summaries: readonly TraceSummary[]): readonly TraceSummary[] {
  const groups = Map.groupBy(summaries, ({ service, operation }) => `${service}\n${operation}`);
  return [...groups.values()]
    .flatMap((group) => group.toSorted((a, b) => b.spans - a.spans).slice(0, mostOfOne))
    .toSorted((a, b) => b.spans - a.spans)
    .slice(0, mostTraces);
}
