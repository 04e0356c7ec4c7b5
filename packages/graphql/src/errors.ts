import type { ErrorTable } from '@banyan/core';

/** Every reason that this package itself puts into the errors of an answer. */
export const graphqlErrors = {
  query_refused: {
    code: 'invalid_argument',
    text: 'The text is no GraphQL query, does not fit the schema, or asks for the schema where that is closed.',
  },
  query_too_large: {
    code: 'invalid_argument',
    text: 'The query is longer or deeper, or has more fields or aliases, than one may.',
  },
  answer_too_large: {
    code: 'resource_exhausted',
    text: 'The answer would have more values than one may; there is none. Ask for shorter lists.',
  },
  too_many_calls: {
    code: 'resource_exhausted',
    text: 'The query needs more calls of services than one may cause; what was had before is in the answer.',
  },
} as const satisfies ErrorTable;
