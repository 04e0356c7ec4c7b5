import { ServiceError } from '@banyan/core';

/**
 * What a caller hands in as JSON text; nothing counts as an empty object.
 * @throws ServiceError `invalid_argument` `unserializable_input`
 */
export function encodeInput(input: unknown): string {
  if (input === undefined) return '{}';
  try {
    return JSON.stringify(input) ?? 'null';
  } catch (cause) {
    throw new ServiceError('The input cannot be written as JSON.', {
      code: 'invalid_argument',
      reason: 'unserializable_input',
      cause,
    });
  }
}

/** The value as it arrives on the other side of a network. @throws TypeError if it holds a cycle or a bigint */
export function copyAsJson(value: unknown): unknown {
  return JSON.parse(encodeOutput(value));
}

/** @throws TypeError if the value holds a cycle or a bigint */
export function encodeOutput(value: unknown): string {
  return JSON.stringify(value) ?? 'null';
}
