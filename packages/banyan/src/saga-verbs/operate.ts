import { actor, readJson, type VerbInput } from '../event-verbs/verb.ts';
import { cancelNamed, repairNamed, retryNamed, type SagaDeed, skipNamed } from './actions.ts';
import { sagaNamed } from './named.ts';

/** `banyan saga retry NAME ID`: tries again at once. */
export async function retry(input: VerbInput): Promise<number> {
  return tell(input, await retryNamed(await sagaNamed(input, 'retry'), actor(input)));
}

/** `banyan saga skip NAME ID`: goes on as if the stuck step were done. */
export async function skip(input: VerbInput): Promise<number> {
  return tell(input, await skipNamed(await sagaNamed(input, 'skip'), actor(input)));
}

/** `banyan saga repair NAME ID --file FILE`: an operator did the work of the step, or of a function that cannot go on; the file has its result. */
export async function repair(input: VerbInput): Promise<number> {
  const named = await sagaNamed(input, 'repair');
  const result = await readJson(input, "the step's result");
  return tell(input, await repairNamed(named, actor(input), result));
}

/** `banyan saga cancel NAME ID`: has it undone, unless it has passed its pivot. */
export async function cancel(input: VerbInput): Promise<number> {
  return tell(input, await cancelNamed(await sagaNamed(input, 'cancel'), actor(input)));
}

function tell({ terminal }: VerbInput, { isDone, text }: SagaDeed): number {
  terminal.write(`${text}\n`);
  return isDone ? 0 : 1;
}
