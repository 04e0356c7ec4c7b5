export { type Given, given, type When } from './given.ts';
export { describeSearchEngine } from './search/describe-search-engine.ts';
