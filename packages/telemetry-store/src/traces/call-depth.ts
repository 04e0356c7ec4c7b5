import type { SpanRecord } from '../records.ts';
import { inOrder, spanTrees } from './span-tree.ts';

export interface Called {
  readonly service: string;
  readonly operation: string;
}

/** What begins a chain of calls, with nobody waiting above it: a request from outside, an event that is handled, a step of a saga, or anything else. */
export type EntryKind = 'request' | 'event' | 'step' | 'other';

export interface CallChain {
  readonly kind: EntryKind;
  /** The entry, then each operation that the one before waited for. */
  readonly chain: readonly Called[];
}

/** Of each entry operation of a trace its longest chain of calls: services that wait for each other. */
export function callChainsOf(spans: readonly SpanRecord[]): readonly CallChain[] {
  const known = new Map<string, CallChain>();
  const longest = new Map<string, CallChain>();
  for (const { span } of inOrder(spanTrees(spans))) {
    const above = span.parentId === undefined ? undefined : known.get(span.parentId);
    const here = chainAt(span, above);
    known.set(span.spanId, here);
    const key = entryKey(here);
    if (here.chain.length > (longest.get(key)?.chain.length ?? 0)) longest.set(key, here);
  }
  return [...longest.values()];
}

/** Names the entry of a chain. */
export function entryKey({ kind, chain: [entry] }: CallChain): string {
  return `${kind}\n${entry?.service}\n${entry?.operation}`;
}

function chainAt(span: SpanRecord, above: CallChain | undefined): CallChain {
  const { resource, name, kind, attributes } = span;
  const self = { service: resource.service, operation: name };
  if (kind === 'consumer') return { kind: 'event', chain: [self] };
  // A saga goes on by itself, whoever has started it.
  if (typeof attributes['banyan.saga.step'] === 'string') return { kind: 'step', chain: [self] };
  if (above === undefined) return { kind: kind === 'server' ? 'request' : 'other', chain: [self] };
  return kind === 'server' ? { ...above, chain: [...above.chain, self] } : above;
}
