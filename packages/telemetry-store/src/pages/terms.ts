import type { Attributes, Json, LogRecord, SpanRecord } from '../records.ts';
import { wordsOf } from './words.ts';

// What the terms of a page are made of. Searching builds the same ones.
export const serviceTerm = (service: string) => `s:${service}`;
export const operationTerm = (operation: string) => `o:${operation}`;
export const traceTerm = (traceId: string) => `t:${traceId}`;
export const wordTerm = (word: string) => `w:${word}`;
export const keyTerm = (key: string) => `k:${key}`;
export const attributeTerm = (key: string, value: string) => `a:${key}=${value}`;
export const errorTerm = 'e';

/** An attribute's value as a search writes it. */
export function valueText(value: Json): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}

export function addSpanTerms(terms: Set<string>, span: SpanRecord): void {
  terms.add(serviceTerm(span.resource.service)).add(operationTerm(span.name));
  if (span.isError) terms.add(errorTerm);
  for (const [key, value] of Object.entries(span.attributes)) {
    terms.add(keyTerm(key)).add(attributeTerm(key, valueText(value)));
  }
  for (const word of spanWords(span)) terms.add(wordTerm(word));
}

export function addLogTerms(terms: Set<string>, line: LogRecord): void {
  terms.add(serviceTerm(line.resource.service));
  if (line.traceId !== undefined) terms.add(traceTerm(line.traceId));
  for (const word of logWords(line)) terms.add(wordTerm(word));
}

/** What free text finds in a span: its name, the message of its status, and the values of its attributes. */
export function spanWords({ name, statusMessage, attributes }: SpanRecord): readonly string[] {
  return wordsOf([name, statusMessage ?? '', ...valuesOf(attributes)].join('\n'));
}

/** What free text finds in a line: its message and the values of its attributes. */
export function logWords({
  message,
  attributes,
}: Pick<LogRecord, 'message' | 'attributes'>): readonly string[] {
  return wordsOf([message, ...valuesOf(attributes)].join('\n'));
}

function valuesOf(attributes: Attributes): readonly string[] {
  return Object.values(attributes).map(valueText);
}
