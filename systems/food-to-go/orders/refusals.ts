import { isServiceError, type Operation } from '@banyan/banyan';

/**
 * For the `catch` of a change: what the rules of an order refuse is a refusal of the operation, if its contract declares one of that name. Every other
 * error passes on.
 */
export function refusingAs(
  operation: Operation,
  fail: (name: never, ...data: never) => never,
): (error: unknown) => never {
  const refuse = fail as (name: string, data: unknown) => never;
  return (error) => {
    if (isServiceError(error)) {
      const { reason, details } = error;
      if (Object.hasOwn(operation.errors, reason)) return refuse(reason, details);
      if (reason === 'wrong_expected_revision' && Object.hasOwn(operation.errors, 'orderChanged')) {
        const { actual } = details as { readonly actual: number };
        return refuse('orderChanged', { revision: actual });
      }
    }
    throw error;
  };
}
