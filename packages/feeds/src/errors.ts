import { createErrorFactory, type ErrorTable } from '@banyan/core';

/** Every `reason` that this package gives, with its code. */
export const feedsErrors = {
  not_acceptable: {
    code: 'invalid_argument',
    text: 'The `Accept` header takes none of the forms that a feed has: Atom, JSON, JSON Feed (status 406).',
  },
  feed_page_unknown: {
    code: 'not_found',
    text: 'The feed has no such archive page: pages begin at 1, and the newest entries are on none yet.',
  },
  feed_page_pruned: {
    code: 'not_found',
    text: 'The feed keeps entries for a limited time only, and these are gone for good (status 410). The detail says where it begins now.',
  },
  feed_cursor_ahead: {
    code: 'failed_precondition',
    text: 'The cursor lies behind the newest entry. The feed was restored from an older state, or the cursor is another feed’s.',
  },
  feed_unavailable: {
    code: 'unavailable',
    text: 'The feed, or what an entry links to, did not answer in time or answered that it cannot. It is asked again.',
  },
  feed_refused: {
    code: 'failed_precondition',
    text: 'The feed answered with a refusal or a redirect. The address or the permission of the reader is wrong.',
  },
  feed_gone: {
    code: 'not_found',
    text: 'A page of the feed, or what an entry links to, is gone for good (status 410).',
  },
  feed_too_large: {
    code: 'failed_precondition',
    text: 'A page of the feed, or what an entry links to, has more bytes than the reader allows.',
  },
  feed_malformed: {
    code: 'failed_precondition',
    text: 'What the feed answered is no Atom, no JSON Feed and no feed of Banyan, or it leads in a circle.',
  },
  feed_foreign_link: {
    code: 'permission_denied',
    text: 'A link of the feed leads to another origin than its own, which the reader was not told to trust.',
  },
  feed_lease_lost: {
    code: 'aborted',
    text: 'Another instance polls the feed now; the transaction must roll back.',
  },
} as const satisfies ErrorTable;

export type FeedsReason = keyof typeof feedsErrors;

export const feedsError = createErrorFactory(feedsErrors);
