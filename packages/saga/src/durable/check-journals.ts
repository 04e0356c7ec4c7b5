import { createValidator } from '@banyan/contract';
import { isServiceError } from '@banyan/core';
import type { BrokenSaga, CompatibilityReport, SagaHistory } from '../check.ts';
import { definitionId } from '../definition/definition.ts';
import { isEnded } from '../state.ts';
import type { DurableDefinition } from './durable.ts';
import { durableStateOf } from './durable-state.ts';
import { Execution } from './execution.ts';
import { type JournalEntry, wordsFor } from './journal.ts';

/** A durable function under way, with its journal. */
export type DurableHistory = SagaHistory & { readonly journal: readonly JournalEntry[] };

/**
 * Runs the candidate's code through each journal, as a worker would: it must ask for the same things in the same order, and at the journal's end wait for
 * what the instance waits for. Nothing is done outside.
 */
export async function checkJournals(
  candidates: readonly DurableDefinition[],
  histories: Iterable<DurableHistory>,
): Promise<CompatibilityReport> {
  const definitions = new Map(candidates.map((each) => [definitionId(each), each]));
  const broken: BrokenSaga[] = [];
  let checked = 0;
  for (const history of histories) {
    if (isEnded(history.status)) continue;
    checked += 1;
    const saga = definitionId(history);
    const definition = definitions.get(saga);
    const found =
      definition === undefined
        ? { step: undefined, reason: `Nothing runs ${saga} any more: keep it in 'durable'.` }
        : await findBreak(definition, history);
    if (found !== undefined) broken.push({ id: history.id, saga, ...found });
  }
  return { checked, broken };
}

type Break = Pick<BrokenSaga, 'step' | 'reason'>;

async function findBreak(definition: DurableDefinition, history: DurableHistory): Promise<Break | undefined> {
  const { id, input, state, journal } = history;
  try {
    createValidator<unknown>(definition.input, 'input').parse(input);
  } catch (error) {
    return { step: undefined, reason: isServiceError(error) ? error.message : String(error) };
  }
  const { t0: startedAtMs, pending } = durableStateOf(state);
  const execution = new Execution({ definition, id, input, startedAtMs });
  const rest = await execution.advance(journal, { isReplay: true });
  if (rest.kind === 'parted') return { step: rest.parting.step, reason: rest.parting.reason };
  if (rest.kind === 'threw' && !isServiceError(rest.error)) {
    return { step: undefined, reason: `It throws ${String(rest.error)}.` };
  }
  const asked = new Map(execution.pending.map((command) => [command.index, command]));
  for (const [index, { k, n }] of Object.entries(pending)) {
    const command = asked.get(Number(index));
    if (command?.kind === k && command.name === n) continue;
    const instead =
      command === undefined
        ? 'does not ask for it'
        : `asks for ${wordsFor({ k: command.kind, n: command.name })} there`;
    const place = command?.place();
    return {
      step: wordsFor({ k, n }),
      reason: `${place === undefined ? '' : `${place}: `}The instance waits for ${wordsFor({ k, n })} as command ${index}; the candidate ${instead}.`,
    };
  }
  return undefined;
}
