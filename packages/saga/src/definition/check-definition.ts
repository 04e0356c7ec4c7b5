import { allNodes, failurePolicies, type Node, type SagaDefinition } from './definition.ts';

const identifier = /^[a-z][A-Za-z0-9]{0,62}$/;
/** 100 years. */
const longestMs = 100 * 365 * 86_400_000;

/** @throws TypeError, with the fix in the text */
export function checkSaga(
  name: string,
  { version, deadlineMs, maxRestarts }: Pick<SagaDefinition, 'version' | 'deadlineMs' | 'maxRestarts'>,
): void {
  if (!identifier.test(name)) {
    throw new TypeError(`saga('${name}'): name it in camelCase, as what is to be done: 'createOrder'.`);
  }
  if (!(Number.isInteger(version) && version > 0 && version < 2 ** 31)) {
    throw new TypeError(`saga('${name}'): 'version' is a whole number from 1.`);
  }
  if (deadlineMs !== undefined) checkDuration(`saga('${name}'): 'deadlineMs'`, deadlineMs);
  if (!(Number.isInteger(maxRestarts) && maxRestarts >= 0)) {
    throw new TypeError(`saga('${name}'): 'maxRestarts' is a whole number from 0.`);
  }
}

/** Checks one more node against those before it. @throws TypeError, with the fix in the text */
export function checkNode(where: string, node: Node, before: readonly Node[]): void {
  const taken = new Set(['input', ...[...allNodes(before)].map(({ name }) => name)]);
  const own = [...allNodes([node])];
  for (const { name } of own) {
    if (!identifier.test(name)) throw new TypeError(`${where}: name steps in camelCase, not '${name}'.`);
    if (taken.has(name))
      throw new TypeError(`${where}: the name '${name}' is taken; names are unique in a saga.`);
    taken.add(name);
  }
  if (own.some((each) => each !== node && isPivot(each))) {
    throw new TypeError(
      `${where}: a pivot stands on the saga's own path, not within a branch or parallel paths.`,
    );
  }
  if (isPivot(node) && before.some(isPivot)) throw new TypeError(`${where}: a saga has one pivot.`);
  if (node.kind !== 'step') return;
  const { onFailure, retry, timeoutMs } = node;
  if (!failurePolicies.includes(onFailure)) {
    throw new TypeError(`${where}: 'onFailure' is one of ${failurePolicies.join(', ')}.`);
  }
  if (node.isPivot && onFailure === 'ignore') throw new TypeError(`${where}: a pivot cannot be ignored.`);
  if (timeoutMs !== undefined) checkDuration(`${where}: 'timeoutMs'`, timeoutMs);
  if (!(retry.firstMs > 0 && retry.maxMs >= retry.firstMs)) {
    throw new TypeError(`${where}: 'retry' needs 0 < 'firstMs' <= 'maxMs'.`);
  }
  const { maxAttempts = 1 } = retry;
  if (!(Number.isInteger(maxAttempts) && maxAttempts > 0)) {
    throw new TypeError(`${where}: 'retry.maxAttempts' is a whole number from 1.`);
  }
}

export function checkDuration(what: string, ms: number): void {
  if (!(typeof ms === 'number' && ms > 0 && ms <= longestMs)) {
    throw new TypeError(`${what} is a positive number of milliseconds, at most 100 years.`);
  }
}

function isPivot(node: Node): boolean {
  return node.kind === 'step' && node.isPivot;
}
