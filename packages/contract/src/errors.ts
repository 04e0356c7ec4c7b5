import type { ErrorTable } from '@banyan/core';

/** Every reason that this package puts into a `ServiceError`. */
export const contractErrors = {
  invalid_input: {
    code: 'invalid_argument',
    text: 'A value does not match its schema; `details.issues` lists up to 20 places, each with a JSON pointer and a message.',
  },
  invalid_body: {
    code: 'invalid_argument',
    text: 'The request body is not a JSON object, so it cannot carry the fields of the input.',
  },
  operation_failed: {
    code: 'failed_precondition',
    text: 'A long operation ended without a result, and does not say more.',
  },
  asynchronous_schema: {
    code: 'internal',
    text: 'A schema validates asynchronously, or one of its own functions threw; contracts need schemas that answer at once.',
  },
} as const satisfies ErrorTable;
