/** What one query may ask for at most. What a client writes in a few bytes can be much work. */
export interface GraphqlLimits {
  /** Of the query's text. Default 20,000. */
  readonly maxLength: number;
  /** Words and signs in it: checking takes up to their square. Default 2,000. */
  readonly maxTokens: number;
  /** Fields inside fields. Default 12. */
  readonly maxDepth: number;
  /** Fields in all, fragments counted wherever they are used. Default 500. */
  readonly maxFields: number;
  /** Fields under another name than their own. Default 50. */
  readonly maxAliases: number;
  /** Calls of services; the same call twice is one. Those beyond are refused one by one. Default 100. */
  readonly maxCalls: number;
  /**
   * Values that calls bring into the answer, counted wherever they are shown, and once more for each field that shows one: few calls can be shown in each
   * other many times. Beyond it there is no answer at all. Default 100,000.
   */
  readonly maxValues: number;
}

export const graphqlLimits: GraphqlLimits = {
  maxLength: 20_000,
  maxTokens: 2_000,
  maxDepth: 12,
  maxFields: 500,
  maxAliases: 50,
  maxCalls: 100,
  maxValues: 100_000,
};
