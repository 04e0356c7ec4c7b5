import { type ErrorCode, ServiceError } from '@banyan/core';

export const configErrors = {
  invalid_configuration: {
    code: 'failed_precondition',
    text: 'Configuration is missing or wrong. The message has one line per variable, with what was expected and what was given; nothing was started.',
  },
  invalid_env_file: {
    code: 'failed_precondition',
    text: 'A .env file cannot be read or understood. The message names file and line.',
  },
} as const satisfies Record<string, { readonly code: ErrorCode; readonly text: string }>;

export function configError(
  reason: keyof typeof configErrors,
  message: string,
  more: { readonly details?: unknown; readonly cause?: unknown } = {},
): ServiceError {
  return new ServiceError(message, { code: configErrors[reason].code, reason, ...more });
}
