import {
  type Attributes,
  type Json,
  type LogLevel,
  type LogRecord,
  logLevels,
  type SpanRecord,
} from '../records.ts';
import { wordsOf } from './words.ts';

// What the terms of a page are made of. Searching builds the same ones.
/**
 * What is true of one span together: a page has every service and every operation, but few pages have a failed span of this operation of this service.
 */
export function spanTerm({ service, operation, isError }: SpanFacts): string {
  return `f:${service ?? ''}\n${operation ?? ''}\n${isError ? 1 : 0}`;
}

export interface SpanFacts {
  readonly service: string | undefined;
  readonly operation: string | undefined;
  /** False: whether or not. */
  readonly isError: boolean;
}

export const serviceTerm = (service: string) => `s:${service}`;
/** A line of this service and level, or a more serious one. */
export const levelTerm = (service: string, level: LogLevel) => `l:${level}\n${service}`;
export const traceTerm = (traceId: string) => `t:${traceId}`;
export const wordTerm = (word: string) => `w:${word}`;
export const keyTerm = (key: string) => `k:${key}`;
export const attributeTerm = (key: string, value: string) => `a:${key}=${value}`;

/** An attribute's value as a search writes it. */
export function valueText(value: Json): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}

export function addSpanTerms(terms: Set<string>, span: SpanRecord): void {
  for (const service of [span.resource.service, undefined]) {
    for (const operation of [span.name, undefined]) {
      terms.add(spanTerm({ service, operation, isError: false }));
      if (span.isError) terms.add(spanTerm({ service, operation, isError: true }));
    }
  }
  for (const [key, value] of Object.entries(span.attributes)) {
    terms.add(keyTerm(key)).add(attributeTerm(key, valueText(value)));
  }
  for (const word of wordsOf(spanText(span))) terms.add(wordTerm(word));
}

export function addLogTerms(terms: Set<string>, line: LogRecord): void {
  const { service } = line.resource;
  terms.add(serviceTerm(service));
  // Every line is at least of the lowest level.
  for (const level of logLevels.slice(1, logLevels.indexOf(line.level) + 1))
    terms.add(levelTerm(service, level));
  if (line.traceId !== undefined) terms.add(traceTerm(line.traceId));
  for (const word of wordsOf(logText(line))) terms.add(wordTerm(word));
}

/** What free text finds in a span: its name, the message of its status, and the values of its attributes. */
export function spanText({ name, statusMessage, attributes }: SpanRecord): string {
  return [name, statusMessage ?? '', ...valuesOf(attributes)].join('\n');
}

/** What free text finds in a line: its message and the values of its attributes. */
export function logText({ message, attributes }: Pick<LogRecord, 'message' | 'attributes'>): string {
  return [message, ...valuesOf(attributes)].join('\n');
}

function valuesOf(attributes: Attributes): readonly string[] {
  return Object.values(attributes).map(valueText);
}
