import { createErrorFactory, type ErrorTable } from '@banyan/core';

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
  sign_in_failed: {
    code: 'unauthenticated',
    text: 'The OpenID provider did not say who you are, or its answer is not for this browser: sign in again.',
  },
  sign_in_away: {
    code: 'unavailable',
    text: 'Nobody can sign in now: the OpenID provider cannot be asked.',
  },
  no_operator: {
    code: 'permission_denied',
    text: 'You have signed in, and your account is none of those that may use this console.',
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
} as const satisfies ErrorTable;

export type ConsoleReason = keyof typeof consoleErrors;

export const consoleError = createErrorFactory(consoleErrors);
