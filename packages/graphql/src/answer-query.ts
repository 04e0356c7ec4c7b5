import { isServiceError, ServiceError } from '@banyan/core';
import { type Asking, toPublicError } from '@banyan/gateway';
import {
  type DocumentNode,
  execute,
  GraphQLError,
  type GraphQLFieldResolver,
  type GraphQLSchema,
  NoSchemaIntrospectionCustomRule,
  parse,
  specifiedRules,
  validate,
} from 'graphql';
import { countValues, type QueryRun } from './ask-part.ts';
import { checkSize, checkText } from './check-size.ts';
import type { GraphqlAnswer, GraphqlRequest } from './graphql.ts';
import type { GraphqlLimits } from './graphql-limits.ts';

export interface AnswerSettings {
  readonly schema: GraphQLSchema;
  readonly limits: GraphqlLimits;
  readonly introspection: boolean;
}

/** Never rejects: what is wrong with a query is in its answer, as GraphQL has it. */
export async function answerQuery(
  request: GraphqlRequest,
  asking: Asking,
  settings: AnswerSettings,
): Promise<GraphqlAnswer> {
  const { schema, limits } = settings;
  let document: DocumentNode;
  try {
    document = read(request.query, settings);
  } catch (error) {
    return { errors: [toAnswer(error, { asking, told: new Set() })] };
  }
  const run: QueryRun = { asking, limits, values: 0, stop: new AbortController(), calls: new Map() };
  const told = new Set<unknown>();
  try {
    const { data, errors } = await execute({
      schema,
      document,
      contextValue: run,
      variableValues: request.variables ?? {},
      operationName: request.operationName ?? null,
      fieldResolver: readField,
      abortSignal: run.stop.signal,
      hideSuggestions: true,
      options: { maxCoercionErrors: 5 },
    });
    return {
      ...(data === undefined ? undefined : { data }),
      ...(errors === undefined
        ? undefined
        : { errors: errors.map((error) => toAnswer(error, { at: error, asking, told })) }),
    };
  } catch (error) {
    if (!run.stop.signal.aborted) throw error;
    return { errors: [toAnswer(run.stop.signal.reason, { asking, told })] };
  }
}

const readField: GraphQLFieldResolver<unknown, QueryRun> = (source, _args, run, { fieldName }) => {
  countValues(run, 1);
  const fields = source as Readonly<Record<string, unknown>>;
  return Object.hasOwn(fields, fieldName) ? fields[fieldName] : undefined;
};

/** @throws ServiceError or GraphQLError, before anything is asked */
function read(query: string, { schema, limits, introspection }: AnswerSettings): DocumentNode {
  checkText(query, limits);
  const document = parse(query, { maxTokens: limits.maxTokens });
  checkSize(document, limits);
  const rules = introspection ? specifiedRules : [...specifiedRules, NoSchemaIntrospectionCustomRule];
  const [problem] = validate(schema, document, rules, { maxErrors: 1, hideSuggestions: true });
  if (problem !== undefined) throw problem;
  return document;
}

interface AnsweredError {
  readonly message: string;
  readonly path?: readonly (string | number)[];
  readonly locations?: GraphQLError['locations'];
  readonly extensions: { readonly code: string; readonly reason: string; readonly details?: unknown };
}

interface Where {
  readonly at?: GraphQLError;
  readonly asking: Asking;
  /** What the log knows already. */
  readonly told: Set<unknown>;
}

/** What a client may know of it, as of a refusal without GraphQL; the log learns the rest. */
function toAnswer(error: unknown, { at, asking, told }: Where): AnsweredError {
  const origin = error instanceof GraphQLError ? (error.originalError ?? error) : error;
  const known = origin instanceof GraphQLError ? refused(origin) : toPublicError(origin);
  const isFault = !(origin instanceof GraphQLError) && !(isServiceError(origin) && origin.status < 500);
  // One call that fails can leave a hundred fields empty.
  if (isFault && !told.has(origin)) asking.report(String(at?.path?.join('.') ?? 'query'), origin);
  told.add(origin);
  const locations = at?.locations ?? (origin instanceof GraphQLError ? origin.locations : undefined);
  const { code, reason, details } = known;
  return {
    message: known.message,
    ...(at?.path === undefined ? undefined : { path: at.path }),
    ...(locations === undefined ? undefined : { locations }),
    extensions: { code, reason, ...(details === undefined ? undefined : { details }) },
  };
}

function refused(error: GraphQLError): ServiceError {
  return new ServiceError(error.message.slice(0, 300), { code: 'invalid_argument', reason: 'query_refused' });
}
