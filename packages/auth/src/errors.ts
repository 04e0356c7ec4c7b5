import type { ErrorTable } from '@banyan/core';

export const authErrors = {
  certificates_unusable: {
    code: 'failed_precondition',
    text: 'The certificate files of a service are missing, do not belong together, or are for another service.',
  },
  invalid_service_token: {
    code: 'unauthenticated',
    text: 'The calling service did not prove who it is: the token is forged, expired, or meant for another service.',
  },
  invalid_user_assertion: {
    code: 'unauthenticated',
    text: 'The calling service named an end user without a valid assertion for that user.',
  },
  invalid_user_token: {
    code: 'unauthenticated',
    text: 'The access token is forged, expired, or meant for someone else.',
  },
  signing_keys_unavailable: {
    code: 'unavailable',
    text: 'The keys that access tokens are checked with could not be fetched.',
  },
} as const satisfies ErrorTable;
