import { type ErrorCode, ServiceError } from '@banyan/core';

export const consoleErrors = {
  not_offered: {
    code: 'unimplemented',
    text: 'This console cannot tell or do that: it runs without the part that could.',
  },
  foreign_host: {
    code: 'permission_denied',
    text: 'The request names another host than this machine. A console without sign-in answers to localhost alone, so that no page on the web can reach it under a name of its own (DNS rebinding).',
  },
  foreign_origin: {
    code: 'permission_denied',
    text: 'A page of another origin sent the request. The console is changed from its own page, or by programs that send no Origin.',
  },
  sign_in_needed: {
    code: 'unauthenticated',
    text: 'The console asks who you are: sign in, or send a bearer token.',
  },
  malformed_gzip: {
    code: 'invalid_argument',
    text: 'A body that says it is compressed with gzip is not, or ends too early.',
  },
  too_much_telemetry: {
    code: 'resource_exhausted',
    text: 'More telemetry comes at one time than the console reads; exporters send it again by themselves.',
  },
  too_many_watchers: {
    code: 'resource_exhausted',
    text: 'As many pages as the console serves watch its live events already.',
  },
  handler_broke_contract: {
    code: 'internal',
    text: 'The console was about to answer something that its contract does not promise; the log says what.',
  },
} as const satisfies Record<string, { readonly code: ErrorCode; readonly text: string }>;

export type ConsoleReason = keyof typeof consoleErrors;

export function consoleError(
  reason: ConsoleReason,
  {
    message = consoleErrors[reason].text,
    cause,
  }: { readonly message?: string; readonly cause?: unknown } = {},
): ServiceError {
  return new ServiceError(message, { code: consoleErrors[reason].code, reason, cause });
}
