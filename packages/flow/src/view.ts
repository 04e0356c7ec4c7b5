import type { FlowDefinition } from './definition.ts';
import type { FlowStore, StoredFlow } from './flow-store.ts';
import { type Awaited, type FlowStatus, type FlowStepState, pictureOf } from './picture.ts';

/** One step of a flow, as its events show it. Times are RFC 3339, of the first such event. */
export interface FlowStepView {
  readonly name: string;
  readonly state: FlowStepState;
  readonly doneAt?: string;
  readonly failedAt?: string;
  readonly undoneAt?: string;
}

/** How far a flow has come, for people and programs. */
export interface FlowView {
  readonly flow: string;
  readonly key: string;
  readonly status: FlowStatus;
  readonly steps: readonly FlowStepView[];
  /** What is to come next; empty once it has ended. */
  readonly waitsFor: readonly Awaited[];
  readonly startedAt: string;
  /** Of its latest event. */
  readonly lastAt: string;
  readonly endedAt?: string;
  /** From when on it is late, unless something happens before. */
  readonly dueAt?: string;
  /** When it was found to be late; absent while it is not. */
  readonly lateSince?: string;
  readonly dismissed?: { readonly by: string; readonly at: string };
}

export interface FlowPage {
  readonly flows: readonly FlowView[];
  /** Give it as `after` to get the next page; absent on the last one. */
  readonly next?: string;
}

export interface FlowQuery {
  readonly status?: FlowStatus | 'late' | undefined;
  /** 1 to 1,000; default 50. */
  readonly limit?: number | undefined;
  /** `next` of the page before. */
  readonly after?: string | undefined;
}

/** The stored flow with what its definition makes of it. */
export function flowView(definition: FlowDefinition, stored: StoredFlow): FlowView {
  const picture = pictureOf(definition, stored.seen);
  const { flow, key, status, startedAt, lastAt, endedAt, dueAt, lateAt, dismissed } = stored;
  const view = { endedAt, dueAt, lateSince: lateAt, dismissed };
  const steps = (picture?.steps ?? []).map(({ name, state, doneAtMs, failedAtMs, undoneAtMs }) => {
    const times = { doneAt: toTime(doneAtMs), failedAt: toTime(failedAtMs), undoneAt: toTime(undoneAtMs) };
    return { name, state, ...present(times) };
  });
  const waitsFor = endedAt === undefined ? (picture?.waitsFor ?? []) : [];
  return { flow, key, status, startedAt, lastAt, ...present(view), steps, waitsFor };
}

/** Newest first, by their first event. */
export async function listFlows(
  store: FlowStore,
  definition: FlowDefinition,
  { status, limit = 50, after }: FlowQuery,
): Promise<FlowPage> {
  const most = Math.min(Math.max(Math.trunc(limit), 1), 1_000);
  const found = await store.list({
    flow: definition.name,
    ...(status === 'late' ? { isLate: true } : { status }),
    after: after === undefined ? undefined : fromCursor(after),
    limit: most + 1,
  });
  const page = found.slice(0, most);
  const last = page.at(-1);
  return {
    flows: page.map((stored) => flowView(definition, stored)),
    ...(found.length > most && last !== undefined ? { next: toCursor(last) } : undefined),
  };
}

function toCursor({ startedAt, key }: StoredFlow): string {
  return Buffer.from(JSON.stringify([startedAt, key])).toString('base64url');
}

/** Whatever is no cursor begins at the start. */
function fromCursor(text: string): { readonly startedAt: string; readonly key: string } | undefined {
  try {
    const [startedAt, key] = JSON.parse(Buffer.from(text, 'base64url').toString()) as unknown[];
    if (typeof startedAt === 'string' && typeof key === 'string' && !Number.isNaN(Date.parse(startedAt)))
      return { startedAt, key };
  } catch {
    // It is none.
  }
  return undefined;
}

function present<Fields extends object>(
  fields: Fields,
): { [Name in keyof Fields]?: NonNullable<Fields[Name]> } {
  const entries = Object.entries(fields).filter(([, value]) => value !== undefined);
  return Object.fromEntries(entries) as { [Name in keyof Fields]?: NonNullable<Fields[Name]> };
}

function toTime(ms: number | undefined): string | undefined {
  return ms === undefined ? undefined : new Date(ms).toISOString();
}
