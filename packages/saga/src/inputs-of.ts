import { allNodes, type SagaDefinition } from './definition/definition.ts';
import { keyOf } from './engine/step-work.ts';
import type { SagaRow } from './saga-store.ts';
import type { StepRecord } from './state.ts';

/**
 * What each step that has begun was asked, by its name: the input of its call, or the data of its message. Nobody keeps it; `with` is pure, so it is worked out
 * again from the results of the steps before. Steps that work in the service's own code are asked nothing.
 */
export function inputsOf(
  definition: SagaDefinition,
  { id, input, state }: Pick<SagaRow, 'id' | 'input' | 'state'>,
): ReadonlyMap<string, unknown> {
  const nodes = new Map([...allNodes(definition.nodes)].map((node) => [node.name, node]));
  const inputs = new Map<string, unknown>();
  const before: Record<string, unknown> = { input };
  for (const [name, record] of Object.entries(state.steps)) {
    const node = nodes.get(name);
    const action = node?.kind === 'step' ? node.action : undefined;
    if (action?.kind === 'call' || action?.kind === 'send') {
      const context = {
        sagaId: id,
        idempotencyKey: keyOf(id, state.round, name, 'do'),
        attempt: (record.n ?? 0) + 1,
        expiresAt: record.x === undefined ? undefined : new Date(record.x).toISOString(),
        failure: undefined,
      };
      try {
        inputs.set(name, action.with({ ...before }, context));
      } catch {
        // Then the step failed for that, and its error says so.
      }
    }
    if (isVisible(record)) before[name] = record.r;
  }
  return inputs;
}

/** Later steps see its result. */
function isVisible({ s }: StepRecord): boolean {
  return s === 'done' || s === 'undone' || s === 'skipped';
}
