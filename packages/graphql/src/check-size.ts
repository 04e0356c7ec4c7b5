import { ServiceError } from '@banyan/core';
import {
  type DocumentNode,
  type FragmentDefinitionNode,
  Kind,
  type OperationDefinitionNode,
  type SelectionSetNode,
} from 'graphql';
import type { GraphqlLimits } from './graphql-limits.ts';

/**
 * Counts what an operation would be with its fragments in place, and stops at the first limit: fragments of fragments can stand for more than memory has.
 * Circles of fragments end at the depth.
 * @throws ServiceError `invalid_argument` `query_too_large`
 */
export function checkSize(document: DocumentNode, limits: GraphqlLimits): void {
  const fragments = new Map<string, FragmentDefinitionNode>();
  const operations: OperationDefinitionNode[] = [];
  for (const definition of document.definitions) {
    if (definition.kind === Kind.FRAGMENT_DEFINITION) fragments.set(definition.name.value, definition);
    if (definition.kind === Kind.OPERATION_DEFINITION) operations.push(definition);
  }
  const count = new SizeCount(fragments, limits);
  for (const { selectionSet } of operations) count.add(selectionSet, { depth: 1, nesting: 1 });
}

/** Brackets in brackets, those in texts included: a parser that goes down with them could run out of stack. */
const maxBrackets = 100;

/** Looks at the text before anybody reads it. @throws ServiceError `invalid_argument` `query_too_large` */
export function checkText(query: string, { maxLength }: GraphqlLimits): void {
  if (query.length > maxLength) throw tooLarge(`is longer than ${maxLength} characters`);
  let depth = 0;
  for (const character of query) {
    if ('{[('.includes(character)) depth += 1;
    else if ('}])'.includes(character)) depth = Math.max(0, depth - 1);
    if (depth > maxBrackets) throw tooLarge(`has more than ${maxBrackets} brackets in each other`);
  }
}

interface Level {
  readonly depth: number;
  /** Fragments within fragments, which have no depth of their own. */
  readonly nesting: number;
}

class SizeCount {
  readonly #fragments: ReadonlyMap<string, FragmentDefinitionNode>;
  readonly #limits: GraphqlLimits;
  #fields = 0;
  #aliases = 0;
  #fragmentsUsed = 0;

  constructor(fragments: ReadonlyMap<string, FragmentDefinitionNode>, limits: GraphqlLimits) {
    this.#fragments = fragments;
    this.#limits = limits;
  }

  add({ selections }: SelectionSetNode, { depth, nesting }: Level): void {
    const { maxDepth, maxFields, maxAliases } = this.#limits;
    if (depth > maxDepth) throw tooLarge(`is deeper than ${maxDepth} fields`);
    for (const selection of selections) {
      if (selection.kind === Kind.FIELD) {
        this.#fields += 1;
        if (selection.alias !== undefined) this.#aliases += 1;
        if (this.#fields > maxFields) throw tooLarge(`has more than ${maxFields} fields`);
        if (this.#aliases > maxAliases) throw tooLarge(`has more than ${maxAliases} aliases`);
        if (selection.selectionSet !== undefined)
          this.add(selection.selectionSet, { depth: depth + 1, nesting });
        continue;
      }
      this.#fragmentsUsed += 1;
      if (this.#fragmentsUsed > maxFields || nesting > maxDepth)
        throw tooLarge('has too many fragments in fragments');
      const inside =
        selection.kind === Kind.INLINE_FRAGMENT
          ? selection.selectionSet
          : this.#fragments.get(selection.name.value)?.selectionSet;
      if (inside !== undefined) this.add(inside, { depth, nesting: nesting + 1 });
    }
  }
}

function tooLarge(why: string): ServiceError {
  return new ServiceError(`The query ${why}.`, { code: 'invalid_argument', reason: 'query_too_large' });
}
