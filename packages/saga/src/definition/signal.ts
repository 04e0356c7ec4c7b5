import { createValidator, type Validator } from '@banyan/contract';
import { isServiceError, ServiceError } from '@banyan/core';
import { allNodes, type SagaDefinition, type WaitNode } from './definition.ts';

const validators = new WeakMap<WaitNode, Validator<unknown>>();

/** What a signal gives to the step that waits for it, as JSON. @throws ServiceError `invalid_argument` `invalid_input` */
export function readSignal(node: WaitNode, data: unknown): unknown {
  const validator = validators.get(node) ?? createValidator(node.signal, 'input');
  validators.set(node, validator);
  const text = JSON.stringify(validator.parse(data));
  return text === undefined ? undefined : JSON.parse(text);
}

/** Whether the step that waits can use it. */
export function isReadable(node: WaitNode, data: unknown): boolean {
  try {
    readSignal(node, data);
    return true;
  } catch {
    return false;
  }
}

/**
 * Refuses a signal whose data is not what the saga's step of that name waits for.
 * @throws ServiceError `invalid_argument` `invalid_signal`, `details` as of `invalid_input`
 */
export function checkSignal(
  { name: saga, nodes }: SagaDefinition,
  { name, data }: { readonly name: string; readonly data: unknown },
): void {
  for (const node of allNodes(nodes)) {
    if (node.kind !== 'wait' || node.name !== name) continue;
    try {
      readSignal(node, data);
    } catch (cause) {
      if (!isServiceError(cause)) throw cause;
      const { details } = cause;
      const text = `${saga} waits for other data in its signal '${name}'. ${cause.message}`;
      throw new ServiceError(text, { code: 'invalid_argument', reason: 'invalid_signal', details, cause });
    }
  }
}
