import { type ErrorCode, ServiceError } from '@banyan/core';

export const telemetryStoreErrors = {
  invalid_otlp: {
    code: 'invalid_argument',
    text: 'The body is no OTLP request: what should be an object or a list is something else, or its protobuf is cut off or malformed.',
  },
  invalid_cursor: {
    code: 'invalid_argument',
    text: 'The place to go on from is not one that an answer before has named.',
  },
} as const satisfies Record<string, { readonly code: ErrorCode; readonly text: string }>;

export function storeError(
  reason: keyof typeof telemetryStoreErrors,
  {
    message = telemetryStoreErrors[reason].text,
    cause,
  }: { readonly message?: string; readonly cause?: unknown } = {},
): ServiceError {
  return new ServiceError(message, { code: telemetryStoreErrors[reason].code, reason, cause });
}
