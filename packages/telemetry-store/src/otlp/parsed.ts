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

interface Shape<Item> {
  /** `resourceSpans` */
  readonly groups: string;
  /** `scopeSpans` */
  readonly scopes: string;
  /** `spans` */
  readonly items: string;
  /** @throws Refusal */
  readonly parse: (item: Fields, resource: Resource) => Item | readonly Item[];
}

const maxReasons = 3;

/** Reads every item that can be read. @throws ServiceError `invalid_otlp` if the request as a whole is none */
export function parseRequest<Item>(body: unknown, shape: Shape<Item>): Parsed<Item> {
  if (!isObject(body)) throw storeError('invalid_otlp');
  const items: Item[] = [];
  const reasons: string[] = [];
  let refused = 0;
  const refuse = (error: unknown, count: number) => {
    if (!(error instanceof Refusal)) throw error;
    refused += count;
    if (reasons.length < maxReasons) reasons.push(error.reason);
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
      try {
        const parsed = shape.parse(item, resource);
        if (Array.isArray(parsed)) items.push(...parsed);
        else items.push(parsed as Item);
      } catch (error) {
        refuse(error, 1);
      }
    }
  }
  return { items, refused, reasons };
}
