export {
  type GraphqlAnswer,
  type GraphqlOptions,
  type GraphqlRequest,
  graphql,
  type Link,
  type Query,
} from './graphql.ts';
export { type GraphqlLimits, graphqlLimits } from './graphql-limits.ts';
