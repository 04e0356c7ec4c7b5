import type { JsonSchema } from '@banyan/contract';
import { GraphQLBoolean, GraphQLFloat, GraphQLInt, GraphQLScalarType, GraphQLString } from 'graphql';

/** Whatever GraphQL has no type for: unions, records, anything. */
export const jsonScalar: GraphQLScalarType = new GraphQLScalarType({
  name: 'JSON',
  description: 'A value whose type the contract leaves open.',
});

const largestInt = 2 ** 31 - 1;

export function scalarOf(schema: JsonSchema): GraphQLScalarType {
  const values = Array.isArray(schema.enum) ? schema.enum : [schema.const];
  const types = schema.type === undefined ? [...new Set(values.map((value) => typeof value))] : [schema.type];
  const [type] = types;
  if (types.length > 1) return jsonScalar;
  if (type === 'string') return GraphQLString;
  if (type === 'boolean') return GraphQLBoolean;
  if (type === 'integer' && isSmall(schema)) return GraphQLInt;
  // The Int of GraphQL ends at 2^31; numbers of JSON that are whole do not.
  return type === 'integer' || type === 'number' ? GraphQLFloat : jsonScalar;
}

function isSmall(schema: JsonSchema): boolean {
  const { minimum, maximum } = schema as { readonly minimum?: unknown; readonly maximum?: unknown };
  return (
    typeof minimum === 'number' &&
    minimum >= -largestInt &&
    typeof maximum === 'number' &&
    maximum <= largestInt
  );
}
