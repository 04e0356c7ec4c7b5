export { type FeedsReason, feedsErrors } from './errors.ts';
export {
  defineFeed,
  type EventEntry,
  type Feed,
  type FeedContext,
  type FeedEventContext,
  type FeedOptions,
} from './feed.ts';
export {
  type EntryForm,
  type FeedOperation,
  type FeedRequest,
  feedOperation,
} from './feed-operation.ts';
export type { NewEntry } from './feed-store.ts';
