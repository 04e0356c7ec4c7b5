import type { ErrorTable } from '@banyan/core';

/** Every `reason` that this package gives, with its code. */
export const sidecarErrors = {
  bad_plain_answer: {
    code: 'internal',
    text: 'The plain service behind a sidecar answered with something that is no JSON, too large, or a redirect.',
  },
  context_ended: {
    code: 'unauthenticated',
    text: "A plain service called another one in the name of a request that is not, or no longer, under way: its 'banyan-context' is unknown.",
  },
  not_from_here: {
    code: 'permission_denied',
    text: "A request to a sidecar's local port named another host: it may come from a page in a browser.",
  },
  plain_service_failed: {
    code: 'internal',
    text: 'The plain service behind a sidecar answered with an error that the contract does not declare.',
  },
  plain_service_unavailable: {
    code: 'unavailable',
    text: 'The plain service behind a sidecar does not answer, or says that it cannot do its work.',
  },
  unknown_service: {
    code: 'not_found',
    text: "A plain service called a service that the sidecar does not have in its 'uses'.",
  },
} as const satisfies ErrorTable;

type Reason = keyof typeof sidecarErrors;
export const sidecarReason = <R extends Reason>(reason: R) => ({ code: sidecarErrors[reason].code, reason });
