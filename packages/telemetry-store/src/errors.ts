import { createErrorFactory, type ErrorTable } from '@banyan/core';

/** Every `reason` that this package gives, with its code. */
export const telemetryStoreErrors = {
  invalid_otlp: {
    code: 'invalid_argument',
    text: 'The body is no OTLP request: what should be an object or a list is something else, or its protobuf is cut off or malformed.',
  },
  invalid_cursor: {
    code: 'invalid_argument',
    text: 'The place to go on from is not one that an answer before has named.',
  },
} as const satisfies ErrorTable;

export const storeError = createErrorFactory(telemetryStoreErrors);
