import type { EdgeOptions } from '@banyan/chassis';
import { inputValidator, type Operation } from '@banyan/contract';
import type { Caller } from '@banyan/core';

/** True if the caller may have an answer that is kept, or that another one waits for. Whoever may not is for the service to judge. */
export type KeptAccess = (request: { readonly caller: Caller; readonly input: unknown }) => boolean;

/** Policies are decided where the work is done; an answer that is kept needs no work, so they are decided before it is given, too. */
export function createKeptAccess(operation: Operation, policies: EdgeOptions['policies']): KeptAccess {
  if (policies === undefined) return () => true;
  const name = `${operation.service}.${operation.name}`;
  const validator = inputValidator(operation);
  return ({ caller, input }) => {
    if (!policies.concerns(name)) return true;
    try {
      return policies.decide({ operation: name, caller, input: validator.parse(input) }).allowed;
    } catch {
      // Policies that could not be loaded yet, or input that the service will not take.
      return false;
    }
  };
}
