import type { StandardSchema } from '@banyan/contract';
import type { GraphqlAnswer, GraphqlRequest } from './graphql.ts';

const draft = 'https://json-schema.org/draft/2020-12/schema';

/** A request as GraphQL over HTTP has it. Written by hand, so that the platform needs no schema library. */
export const requestSchema: StandardSchema<GraphqlRequest> = {
  '~standard': {
    version: 1,
    vendor: 'banyan',
    validate(value) {
      const {
        query,
        operationName = null,
        variables = null,
      } = (value ?? {}) as Readonly<Record<string, unknown>>;
      if (typeof query !== 'string')
        return { issues: [{ message: 'must be the text of a query', path: ['query'] }] };
      if (operationName !== null && typeof operationName !== 'string')
        return { issues: [{ message: 'must be a name', path: ['operationName'] }] };
      if (typeof variables !== 'object' || Array.isArray(variables))
        return { issues: [{ message: 'must be an object', path: ['variables'] }] };
      return { value: { query, operationName, variables: variables as GraphqlRequest['variables'] } };
    },
    jsonSchema: { input: describeRequest, output: describeRequest },
  },
};

export const answerSchema: StandardSchema<GraphqlAnswer> = {
  '~standard': {
    version: 1,
    vendor: 'banyan',
    validate: (value) => ({ value: value as GraphqlAnswer }),
    jsonSchema: { input: describeAnswer, output: describeAnswer },
  },
};

function describeRequest() {
  return {
    ...{ $schema: draft, type: 'object', required: ['query'] },
    properties: {
      query: { type: 'string' },
      operationName: { type: ['string', 'null'] },
      variables: { type: ['object', 'null'] },
    },
  };
}

function describeAnswer() {
  return {
    ...{ $schema: draft, type: 'object' },
    properties: {
      data: { type: ['object', 'null'] },
      errors: { type: 'array', items: { type: 'object' } },
    },
  };
}
