import { configError } from '../errors.ts';
import type { DocumentChange } from './runtime-documents.ts';

/** Of the value, as JSON. */
export const maxDocumentLength = 1_048_576;
export const maxHistory = 1_000;

/** @throws ServiceError `invalid_argument` `invalid_document` */
export function checkDocumentName(name: string): void {
  if (!/^[a-z][a-z0-9-]*(?:\/[a-z0-9][a-z0-9-]*)*$/.test(name) || name.length > 100) {
    throw invalid(
      `A document is named in kebab-case, with '/' between parts, at most 100 characters; '${name}' is not.`,
    );
  }
}

/** @throws ServiceError `invalid_argument` `invalid_document` */
export function checkHistoryLimit(limit: number): void {
  if (!(Number.isSafeInteger(limit) && limit >= 1 && limit <= maxHistory))
    throw invalid(`A history has 1 to ${maxHistory} versions, not ${limit}.`);
}

/** The value of `change` as JSON. @throws ServiceError `invalid_argument` `invalid_document` */
export function checkChange({ value, expectedVersion, by, why }: DocumentChange): string {
  if (!(Number.isSafeInteger(expectedVersion) && expectedVersion >= 0))
    throw invalid('expectedVersion is a whole number, 0 for a document that nobody has written yet.');
  checkText(by, 'by', 200);
  checkText(why, 'why', 1_000);
  const json = toJson(value);
  if (json.length > maxDocumentLength)
    throw invalid(
      `A document has at most ${maxDocumentLength} characters of JSON; this one has ${json.length}.`,
    );
  return json;
}

function checkText(text: string, field: string, maxLength: number): void {
  if (text.trim() === '' || text.length > maxLength || /\p{Cc}/u.test(text))
    throw invalid(`'${field}' is a line of 1 to ${maxLength} characters that is not blank.`);
}

function toJson(value: unknown): string {
  try {
    const json: string | undefined = JSON.stringify(value);
    if (json !== undefined) return json;
  } catch (cause) {
    throw invalid('The value of a document must be JSON.', cause);
  }
  throw invalid('The value of a document must be JSON.');
}

function invalid(message: string, cause?: unknown): Error {
  return configError('invalid_document', { message, cause });
}
