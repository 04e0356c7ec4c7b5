import { storeError } from '../errors.ts';
import type { Resource } from '../records.ts';
import { type Fields, isObject, listOf, Refusal, resourceOf } from './values.ts';

/** What could be read of a request, and what could not. */
export interface Parsed<Item> {
  readonly items: readonly Item[];
  readonly refused: number;
  /** The first few reasons. */
  readonly reasons: readonly string[];
}

export interface Shape<Item> {
  /** `resourceSpans` */
  readonly groups: string;
  /** `scopeSpans` */
  readonly scopes: string;
  /** `spans` */
  readonly items: string;
  /** Functions that read what one of them has: what one throws costs nothing else. @throws Refusal of all it has */
  readonly readersOf: (item: Fields, resource: Resource) => readonly (() => readonly Item[])[];
  /** Microseconds of the latest time in it. */
  readonly latestOf: (item: Item) => number;
}

const maxReasons = 3;

/**
 * Reads every item that can be read.
 * @param latestUs an item with a later time is refused
 * @throws ServiceError `invalid_otlp` if the request as a whole is none
 */
export function parseRequest<Item>(body: unknown, shape: Shape<Item>, latestUs: number): Parsed<Item> {
  if (!isObject(body)) throw storeError('invalid_otlp');
  const items: Item[] = [];
  const reasons: string[] = [];
  let refused = 0;
  const refuse = (error: unknown, count: number) => {
    if (!(error instanceof Refusal)) throw error;
    refused += count;
    if (reasons.length < maxReasons) reasons.push(error.reason);
  };
  const attempt = (read: () => void) => {
    try {
      read();
    } catch (error) {
      refuse(error, 1);
    }
  };
  const add = (item: Item) => {
    if (shape.latestOf(item) > latestUs) throw new Refusal('a time must not lie more than a day ahead');
    items.push(item);
  };
  for (const group of listOf(body, shape.groups)) {
    const found = listOf(group, shape.scopes).flatMap((scope) => listOf(scope, shape.items));
    let resource: Resource;
    try {
      resource = resourceOf(group);
    } catch (error) {
      refuse(error, found.length);
      continue;
    }
    for (const item of found) {
      attempt(() => {
        for (const read of shape.readersOf(item, resource)) attempt(() => read().forEach(add));
      });
    }
  }
  return { items, refused, reasons };
}
