import type { Operation } from '@banyan/contract';
import { type CallContext, isServiceError, ServiceError } from '@banyan/core';
import { callerNotAllowed } from '../caller-not-allowed.ts';
import type { PolicyPoint } from './policy-point.ts';

/** Enforces who may call one service: the same for every way that a call takes. */
export interface AccessGuard {
  /** Why the calling service may not call at all; undefined if it may. */
  refuseCaller(context: CallContext): ServiceError | undefined;
  /** Why the policies, or the lack of them, do not let this call through; undefined if they do. */
  refuseCall(operation: Operation, input: unknown, context: CallContext): ServiceError | undefined;
}

export interface AccessGuardOptions {
  /** Name of its contract, which all its versions share. */
  readonly service: string;
  /** Names of the services (and `gateway`) that may call. */
  readonly callers: ReadonlySet<string>;
  readonly policies: PolicyPoint;
}

export function createAccessGuard({ service, callers, policies }: AccessGuardOptions): AccessGuard {
  return {
    refuseCaller({ caller }) {
      return callers.has(caller.service) ? undefined : callerNotAllowed(caller.service, service);
    },
    refuseCall({ name }, input, { caller }) {
      try {
        const decision = policies.decide({ operation: `${service}.${name}`, caller, input });
        return decision.allowed ? undefined : deniedByPolicy(decision.rule, policies.version);
      } catch (error) {
        if (isServiceError(error)) return error;
        throw error;
      }
    },
  };
}

/** The gateway keeps the details from the world. */
function deniedByPolicy(rule: string | undefined, version: number): ServiceError {
  return new ServiceError('The policies of the system do not allow this.', {
    code: 'permission_denied',
    reason: 'denied_by_policy',
    details: { ...(rule === undefined ? undefined : { rule }), version },
    notStarted: true,
  });
}
