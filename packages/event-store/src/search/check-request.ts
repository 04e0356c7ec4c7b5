import { eventStoreError } from '../errors.ts';
import type { IndexVersion, SearchRequest } from './search-index.ts';

export interface CheckedRequest {
  readonly words: readonly string[];
  readonly where: readonly (readonly [field: string, value: string])[];
  readonly limit: number;
  readonly offset: number;
}

const maxTextLength = 500;
const maxDepth = 10_000;

/** The same words for every engine: letters and digits, in lower case. @throws ServiceError `invalid_argument` `search_invalid` */
export function checkRequest({ fields }: IndexVersion, request: SearchRequest): CheckedRequest {
  const { text = '', where = {}, limit = 20, offset = 0 } = request;
  if (typeof text !== 'string' || text.length > maxTextLength) {
    throw invalid(`'text' has at most ${maxTextLength} characters.`);
  }
  if (!Number.isInteger(limit) || limit < 1 || limit > 1_000) throw invalid("'limit' is 1 to 1,000.");
  if (!Number.isInteger(offset) || offset < 0 || offset + limit > maxDepth) {
    throw invalid(`'offset' and 'limit' reach at most ${maxDepth}.`);
  }
  const filters = Object.entries(where).filter(([, value]) => value !== undefined);
  for (const [field, value] of filters) {
    if (!Object.hasOwn(fields, field) || fields[field] !== 'keyword' || typeof value !== 'string') {
      throw invalid(`'where.${field.slice(0, 60)}' is no keyword field of the index, or its value no text.`);
    }
  }
  return { words: wordsOf(text), where: filters as [string, string][], limit, offset };
}

export function wordsOf(text: string): readonly string[] {
  return (
    text
      .toWellFormed()
      .toLowerCase()
      .match(/[\p{L}\p{N}]{1,200}/gu) ?? []
  );
}

function invalid(text: string): Error {
  return eventStoreError('search_invalid', { message: text });
}
