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
export { defineFeedReader, type FeedReader } from './feed-reader.ts';
export type { NewEntry } from './feed-store.ts';
export type { PollResult } from './poll-session.ts';
export type {
  FeedEntry,
  FeedEntryContext,
  FeedForm,
  FeedReaderOptions,
  ReaderHost,
} from './reader-options.ts';
export type { DeadEntry, FeedReaderStatus } from './reader-store.ts';
