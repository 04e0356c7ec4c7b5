import { type Contract, isBinary, type Operation, operation, type StandardSchema } from '@banyan/contract';
import { type Access, isOfTheGateway, type JoinedOperation, type PartReference } from '@banyan/gateway';
import { answerQuery } from './answer-query.ts';
import { buildSchema, type Resolver } from './build-schema.ts';
import { type GraphqlLimits, graphqlLimits } from './graphql-limits.ts';
import { isGraphqlName } from './graphql-name.ts';
import { answerSchema, requestSchema } from './request-schema.ts';

/** An operation as a field. */
export interface Query {
  /** A GET operation that answers a JSON object. */
  readonly asks: readonly [contract: Contract, operation: string];
  /** Name of the type of its answers. Default: the `title` of its schema, else made of the field's name. Types of what is inside follow from it. */
  readonly type?: string;
  /** Who may use it here. For operations that are not exposed; of those that are, their own policy holds. */
  readonly access?: Access;
}

/** A field of a type that leads to another operation's answer; null if it cannot be had. */
export interface Link extends Query {
  /** For each field of the operation's input: the field of the type that has it. Others become arguments. */
  readonly input: Readonly<Record<string, string>>;
}

export interface GraphqlOptions {
  readonly queries: Readonly<Record<string, Query>>;
  /** By the name of the type, then of the field. */
  readonly links?: Readonly<Record<string, Readonly<Record<string, Link>>>>;
  readonly limits?: Partial<GraphqlLimits>;
  /** Whether clients may ask for the schema. Default false: it helps who looks for a way in more than who has the documents. */
  readonly introspection?: boolean;
  /** Within which there is an answer. Default 10,000. */
  readonly timeoutMs?: number;
  readonly summary?: string;
}

/** A request as GraphQL over HTTP has it. */
export interface GraphqlRequest {
  readonly query: string;
  readonly operationName?: string | null | undefined;
  readonly variables?: Readonly<Record<string, unknown>> | null | undefined;
}

export interface GraphqlAnswer {
  readonly data?: unknown;
  readonly errors?: readonly unknown[];
}

/**
 * Declares an operation that answers GraphQL queries by asking operations of contracts, for a contract that no service keeps. The schema is made of
 * theirs. In one request the same call is made once, however many fields need it; each call has the policy of its operation.
 * @throws TypeError, with the fix in the text
 */
export function graphql(
  route: `POST /${string}`,
  options: GraphqlOptions,
): JoinedOperation<Operation<StandardSchema<GraphqlRequest>, StandardSchema<GraphqlAnswer>>> {
  const resolvers = [
    ...Object.entries(options.queries).map(([field, query]) => resolverOf(field, 'Query', query)),
    ...Object.entries(options.links ?? {}).flatMap(([type, links]) =>
      Object.entries(links).map(([field, link]) => resolverOf(field, type, link)),
    ),
  ];
  if (resolvers.length === 0) throw new TypeError(`graphql('${route}'): name at least one query.`);
  const schema = buildSchema(resolvers);
  const limits = { ...graphqlLimits, ...options.limits };
  const declared = operation(route, {
    input: requestSchema,
    output: answerSchema,
    // Reads only, so that it may be asked again.
    idempotent: true,
    timeoutMs: options.timeoutMs ?? 10_000,
    summary: options.summary ?? 'Answers GraphQL queries.',
  });
  const settings = { schema, limits, introspection: options.introspection ?? false };
  return {
    ...declared,
    join: {
      parts: Object.fromEntries(
        resolvers.map(({ part, query }): [string, PartReference] => {
          const [contract, asked] = query.asks;
          return [part, { contract, operation: asked, access: query.access, isMandatory: false }];
        }),
      ),
      answer: (request, asking) => answerQuery(request as GraphqlRequest, asking, settings),
    },
  };
}

function resolverOf(field: string, type: string, query: Query | Link): Resolver {
  const [contract, name] = query.asks;
  const fail = (problem: string) => new TypeError(`graphql(): '${type}.${field}' ${problem}`);
  const asked = Object.hasOwn(contract.operations, name) ? contract.operations[name] : undefined;
  if (!isGraphqlName(field)) throw fail('is no name in GraphQL.');
  if (asked === undefined) throw fail(`asks '${name}', which '${contract.name}' does not have.`);
  if (asked.method !== 'GET' || asked.upload !== undefined || isBinary(asked.output))
    throw fail('must ask a GET operation that answers JSON: queries only read.');
  const own = Object.keys('input' in query ? query.input : {}).find((name) => isOfTheGateway(asked, name));
  if (own !== undefined)
    throw fail(`cannot give '${own}': the gateway alone says which client or session it is.`);
  const made = `${field.charAt(0).toUpperCase()}${field.slice(1)}`;
  const named = query.type ?? made;
  const given = 'input' in query ? query.input : {};
  return {
    part: `${type}.${field}`,
    field,
    type,
    query,
    operation: asked,
    output: asked.output,
    named,
    given,
  };
}
